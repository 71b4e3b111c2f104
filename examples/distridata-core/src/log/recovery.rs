//! Opening: what is there, what of it counts, what is replayed, and only then what is mended.
//!
//! ```text
//!  look ──▶ choose ──▶ replay ──▶ mend ──▶ link
//!  names,    newest     snapshot,  cut,      segments in memory
//!  headers   generation frames     remove
//! ```
//!
//! - **R1** Nothing is changed before everything was replayed. A refused log is as it was.
//! - **R2** A bad frame is the torn end of a crash only in the last segment and only if no good
//!   frame comes behind it. Otherwise it is damage.
//! - **R3** Afterwards everything that is linked is on the disk: a process that was killed may have
//!   left it in the kernel's memory.

use std::io;
use std::sync::Arc;

use super::files::{Dir, File, TEMP, read_into};
use super::header::{BadHeader, HEADER, Header, Kind, parse_name};
use super::incoming::{Why, check_chunks};
use super::report::{Cause, Cut, OpenError, Options, Replay, Report};
use super::scan::Scan;
use super::segment::{Next, Segment, prepare};
use super::snapshot::{Footer, SnapshotFile};
use super::tail::State;

type Result<T> = std::result::Result<T, OpenError>;
type Apply<'a> = &'a mut dyn FnMut(Replay<'_>) -> std::result::Result<(), Cause>;

/// A file that is there.
struct Entry {
    name: String,
    kind: Kind,
    offset: u64,
    /// `None`: a segment with a damaged header, which is going to be dropped.
    generation: Option<u64>,
    file: Arc<dyn File>,
    size: u64,
}

impl Entry {
    /// Returns how many bytes come after the header.
    fn len(&self) -> u64 {
        self.size.saturating_sub(HEADER)
    }

    fn is(&self, kind: Kind, generation: u64) -> bool {
        self.kind == kind && self.generation.unwrap_or(generation) == generation
    }

    fn unreadable(&self) -> impl Fn(io::Error) -> OpenError {
        let name = self.name.clone();
        move |error| OpenError::file(&name, "cannot be read", error)
    }
}

/// What counts.
#[derive(Default)]
struct Chosen {
    generation: u64,
    snapshot: Option<(Entry, Footer)>,
    /// The segments before the snapshot that follow each other without a gap.
    older: Vec<Entry>,
    /// The segments to replay.
    chain: Vec<Entry>,
    /// The names of files of older generations.
    stale: Vec<String>,
}

/// What the replay found out.
#[derive(Default)]
struct Replayed {
    end: u64,
    frames: u64,
    /// How many segments of the chain stay.
    kept: usize,
    cut: Option<Cut>,
}

/// Opens what is in `dir`: what readers see, the last segment, the report.
pub(crate) fn open(
    dir: &Arc<dyn Dir>,
    options: &Options,
    apply: Apply<'_>,
) -> Result<(State, Arc<Segment>, Report)> {
    let (entries, temps) = look(&**dir, options)?;
    let mut chosen = choose(entries)?;
    if let Some((entry, footer)) = &chosen.snapshot {
        replay_snapshot(entry, footer, apply)?;
    }
    let replayed = replay_chain(&chosen, options, apply)?;
    let mut removed = std::mem::take(&mut chosen.stale);
    removed.extend(temps);
    let mended = mend(dir, &mut chosen, &replayed, &removed);
    let new =
        mended.map_err(|error| OpenError::io("the data directory cannot be mended", error))?;
    let consistent_at = chosen.snapshot.as_ref().map_or(0, |(_, footer)| footer.consistent_at);
    let report = Report {
        snapshot: chosen.snapshot.as_ref().map(|(entry, _)| entry.offset),
        frames: replayed.frames,
        end: replayed.end,
        incomplete_until: (replayed.end < consistent_at).then_some(consistent_at),
        cut: replayed.cut,
        removed,
    };
    let (state, last) = link(chosen, new, replayed.end);
    Ok((state, last, report))
}

/// Reads the headers of all files of ours; the names of temporary files come apart.
fn look(dir: &dyn Dir, options: &Options) -> Result<(Vec<Entry>, Vec<String>)> {
    let names = dir.list().map_err(|e| OpenError::io("the data directory cannot be listed", e))?;
    let (mut entries, mut temps) = (Vec::new(), Vec::new());
    for name in names {
        if let Some((kind, offset)) = parse_name(&name) {
            entries.push(look_at(dir, name, kind, offset, options)?);
        } else if is_temp(&name) {
            temps.push(name);
        }
    }
    entries.sort_by_key(|entry| entry.offset);
    Ok((entries, temps))
}

fn is_temp(name: &str) -> bool {
    let ours = [Kind::Segment, Kind::Snapshot].iter().any(|kind| name.starts_with(kind.prefix()));
    ours && name.ends_with(TEMP)
}

fn look_at(
    dir: &dyn Dir,
    name: String,
    kind: Kind,
    offset: u64,
    options: &Options,
) -> Result<Entry> {
    let unreadable = |error| OpenError::file(&name, "cannot be read", error);
    let file = dir.open(&name).map_err(unreadable)?;
    let size = file.size().map_err(unreadable)?;
    let mut bytes = Vec::new();
    read_into(&*file, &mut bytes, size.min(HEADER) as usize, 0).map_err(unreadable)?;
    let generation = match (Header::decode(kind, offset, &bytes), kind) {
        (Ok(header), _) => Some(header.generation),
        (Err(BadHeader::Newer(version)), _) => return Err(OpenError::newer(&name, version)),
        (Err(BadHeader::Damaged(_)), Kind::Segment) if options.cut_damaged => None,
        (Err(BadHeader::Damaged(what)), Kind::Segment) => {
            return Err(OpenError::log(&name, offset, 0, what));
        }
        (Err(BadHeader::Damaged(what)), _) => return Err(OpenError::snapshot(&name, what)),
    };
    Ok(Entry { name, kind, offset, generation, file, size })
}

/// Picks the newest generation, in it the newest snapshot, and the segments from there on.
fn choose(entries: Vec<Entry>) -> Result<Chosen> {
    let generation = entries.iter().filter_map(|entry| entry.generation).max().unwrap_or(1);
    let mut chosen = Chosen { generation, ..Chosen::default() };
    let mut segments = Vec::new();
    for entry in entries {
        if entry.is(Kind::Segment, generation) {
            segments.push(entry);
        } else if entry.is(Kind::Snapshot, generation) {
            let footer = Footer::read(&*entry.file, entry.offset).map_err(entry.unreadable())?;
            let damaged = || OpenError::snapshot(&entry.name, "it has no end");
            let footer = footer.ok_or_else(damaged)?;
            chosen.snapshot = Some((entry, footer)); // the newest comes last
        } else {
            chosen.stale.push(entry.name);
        }
    }
    let start = chosen.start();
    chosen.chain = segments.split_off(segments.partition_point(|entry| entry.offset < start));
    chosen.older = without_gap(segments, start);
    chosen.check_beginning()?;
    Ok(chosen)
}

impl Chosen {
    /// Returns where the replay of the log begins.
    fn start(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |(entry, _)| entry.offset)
    }

    fn check_beginning(&self) -> Result<()> {
        match (&self.snapshot, self.chain.first()) {
            (None, Some(first)) if first.offset > 0 => {
                let what = "what comes before it, a snapshot or older segments, is missing";
                Err(OpenError::snapshot(&first.name, what))
            }
            _ => Ok(()),
        }
    }
}

/// Keeps the last segments that follow each other up to `end`. They are for readers only.
fn without_gap(mut older: Vec<Entry>, mut end: u64) -> Vec<Entry> {
    let mut from = older.len();
    while from > 0 && older[from - 1].generation.is_some() {
        let entry = &older[from - 1];
        if entry.offset + entry.len() != end {
            break;
        }
        end = entry.offset;
        from -= 1;
    }
    older.split_off(from)
}

fn replay_snapshot(entry: &Entry, footer: &Footer, apply: Apply<'_>) -> Result<()> {
    let begin = Replay::Snapshot { offset: entry.offset, consistent_at: footer.consistent_at };
    apply(begin).map_err(|error| OpenError::refused(&entry.name, None, error))?;
    let checked = check_chunks(&*entry.file, footer, &mut |chunk| apply(Replay::Chunk(chunk)));
    checked.map_err(|error| match error.0 {
        Why::Io(error) => entry.unreadable()(error),
        Why::Damaged(what) => OpenError::snapshot(&entry.name, what),
        Why::Refused(error) => OpenError::refused(&entry.name, None, error),
    })
}

fn replay_chain(chosen: &Chosen, options: &Options, apply: Apply<'_>) -> Result<Replayed> {
    let chain = &chosen.chain;
    let mut done = Replayed { end: chosen.start(), ..Replayed::default() };
    for (index, entry) in chain.iter().enumerate() {
        let is_last = index + 1 == chain.len();
        let Some(bad) = replay_segment(entry, is_last, &mut done, apply)? else { continue };
        if bad.damaged && !options.cut_damaged {
            return Err(OpenError::log(&entry.name, done.end, bad.position, bad.what));
        }
        let later: u64 = chain[index + 1..].iter().map(Entry::len).sum();
        done.cut = Some(Cut {
            file: entry.name.clone(),
            offset: done.end,
            bytes: bad.bytes + later,
            damaged: bad.damaged,
        });
        break;
    }
    Ok(done)
}

/// Why a segment was not replayed to its end.
struct Bad {
    damaged: bool,
    what: String,
    /// Which byte of the file, and how many from there on.
    position: u64,
    bytes: u64,
}

/// Replays the good frames of a segment; `None` if that is all of it.
fn replay_segment(
    entry: &Entry,
    is_last: bool,
    done: &mut Replayed,
    apply: Apply<'_>,
) -> Result<Option<Bad>> {
    let misfit = |what| Some(Bad { damaged: true, what, position: 0, bytes: entry.len() });
    if entry.generation.is_none() {
        return Ok(misfit("its header is damaged".to_owned()));
    }
    if entry.offset != done.end {
        return Ok(misfit(format!("the segment before it ends at offset {}", done.end)));
    }
    done.kept += 1;
    let mut scan = Scan::new(&*entry.file, HEADER, entry.offset, entry.size);
    while let Some(frame) = scan.next().map_err(entry.unreadable())? {
        let refused = |error| OpenError::refused(&entry.name, Some(frame.offset), error);
        apply(Replay::Frame(frame)).map_err(refused)?;
        done.frames += 1;
    }
    done.end = scan.offset();
    let (position, bytes) = (entry.size - scan.rest(), scan.rest());
    if bytes == 0 {
        return Ok(None);
    }
    let follows = scan.good_frame_follows().map_err(entry.unreadable())?;
    let what = match (follows, is_last) {
        (true, _) => "a bad frame, and good ones behind it, so it is not the torn end of a crash",
        (false, false) => {
            "a bad frame, and a segment behind it, so it is not the torn end of a crash"
        }
        (false, true) => "a torn frame",
    };
    Ok(Some(Bad { damaged: follows || !is_last, what: what.to_owned(), position, bytes }))
}

/// Makes the files what was replayed. Answers the new segment, if none of the chain stays.
fn mend(
    dir: &Arc<dyn Dir>,
    chosen: &mut Chosen,
    replayed: &Replayed,
    removed: &[String],
) -> io::Result<Option<Arc<Segment>>> {
    // What counts may have its name in the kernel's memory only. If what it replaced went first, a
    // power loss could leave neither.
    dir.sync()?;
    let dropped = chosen.chain.split_off(replayed.kept);
    let names = dropped.iter().map(|entry| &entry.name).chain(removed);
    names.into_iter().try_for_each(|name| dir.remove(name))?;
    dir.sync()?;
    if let Some(last) = chosen.chain.last() {
        if replayed.cut.is_some() {
            last.file.truncate(HEADER + (replayed.end - last.offset))?;
        }
        last.file.sync_data()?;
        return Ok(None);
    }
    create_segment(dir, chosen.generation, replayed.end).map(Some)
}

/// Creates an empty segment and makes it durable.
pub(crate) fn create_segment(
    dir: &Arc<dyn Dir>,
    generation: u64,
    base: u64,
) -> io::Result<Arc<Segment>> {
    let (header, temp) = prepare(dir, generation, base)?;
    let file = temp.rename(&header.name())?;
    dir.sync()?;
    Ok(Segment::new(header, file, 0))
}

/// Builds what readers see.
fn link(chosen: Chosen, new: Option<Arc<Segment>>, end: u64) -> (State, Arc<Segment>) {
    let generation = chosen.generation;
    let there = chosen.older.into_iter().chain(chosen.chain).map(|entry| {
        let len = entry.len().min(end - entry.offset);
        let header = Header { kind: entry.kind, generation, offset: entry.offset };
        Segment::new(header, entry.file, len)
    });
    let segments: Vec<Arc<Segment>> = there.chain(new).collect();
    for pair in segments.windows(2) {
        pair[0].set_next(Next::Segment(Arc::clone(&pair[1])));
    }
    let snapshot = chosen.snapshot.map(|(entry, footer)| SnapshotFile::new(entry.file, footer));
    let (first, last) = (Arc::clone(&segments[0]), Arc::clone(&segments[segments.len() - 1]));
    (State { generation, first, snapshot }, last)
}
