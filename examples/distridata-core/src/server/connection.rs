//! One client: reads what it sends, runs it in order, answers when that is safe.
//!
//! ```text
//!   read ──▶ Input ──▶ a batch of commands at one moment ──▶ ticket ──▶ Replies ──▶ write ──┐
//!    ▲                  (everything that has come so far)    (D1)                           │
//!    └──────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Nothing is read while something is to be written: who does not read its answers is not heard any
//! further, and costs what it has asked for last (D5). A client that has subscribed gets messages in
//! between; one that does not take them is let go.

use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use runtime_traits::net::TcpStream;
use runtime_traits::{io, task, time};

use super::input::Input;
use super::{NO_SEAT, Seat, channels, info, node};
use crate::command::{Command, Connection as About, Data};
use crate::engine::group::NotWritten;
use crate::journal::Transaction;
use crate::node::Shared;
use crate::pubsub::Mailbox;
use crate::replication::feeder::{Hello, feed};
use crate::resp::{Limits, Parsed, Parser, ProtocolError, Replies};

/// Commands at one moment: while they run, others wait.
const BATCH: usize = 128;
/// Bytes of answers that are sent before more commands are run.
const REPLIES_MAX: usize = 256 << 10;
/// Batches after which others have their turn, if the client never lets us wait.
const TURNS: u32 = 32;
/// How long a client for whom there is no seat has for saying that it is a follower.
const LATE: Duration = Duration::from_secs(1);
/// How long a client that is to be left may go on sending.
const LINGER: Duration = Duration::from_secs(10);

pub(super) struct Connection {
    seat: Seat,
    stream: TcpStream,
    peer: SocketAddr,
    parser: Parser,
    input: Input,
    replies: Replies,
    mailbox: Option<Arc<Mailbox>>,
}

/// What to do after a command or a batch.
enum Next {
    /// There may be more.
    More,
    /// Read: there is no whole command.
    Read,
    /// Send what is to be sent, then close.
    Close,
    /// The client is a follower.
    Feed(Hello),
}

/// How a batch came to its end.
enum BatchEnd {
    Full,
    NoneLeft,
    /// The next command is about the connection.
    Special,
    Garbled(ProtocolError),
}

impl Connection {
    pub(super) fn new(seat: Seat, stream: TcpStream, peer: SocketAddr) -> Connection {
        let bulk_max = seat.shared.settings.value_max;
        let command_max = 2 * bulk_max;
        let limits = Limits { bulk_max, command_max, ..Limits::default() };
        Connection {
            seat,
            stream,
            peer,
            parser: Parser::new(limits),
            input: Input::default(),
            replies: Replies::new(),
            mailbox: None,
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.seat.shared
    }

    /// Serves the client until it leaves, or is to be left.
    pub(super) async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        if self.seat.is_late {
            return self.late().await;
        }
        // Who only connects needs no buffer yet.
        self.stream.readable().await?;
        let mut turns = 0;
        loop {
            let next = self.commands().await;
            self.flush().await?;
            match next {
                Next::More => {}
                Next::Read => {
                    if !self.read().await? {
                        return Ok(());
                    }
                }
                Next::Close => return self.close().await,
                Next::Feed(hello) => return self.feed(hello).await,
            }
            turns += 1;
            if turns % TURNS == 0 {
                task::yield_now().await;
            }
        }
    }

    async fn feed(&mut self, hello: Hello) -> io::Result<()> {
        self.seat.leave();
        feed(self.shared(), &self.stream, self.peer, hello).await
    }

    /// There is no seat: a follower is fed all the same, others are told.
    async fn late(&mut self) -> io::Result<()> {
        match time::timeout(LATE, self.first_is_hello()).await {
            Ok(Ok(Some(hello))) => self.feed(hello).await,
            Ok(Err(error)) => Err(error),
            Ok(Ok(None)) | Err(_) => {
                self.replies.error(NO_SEAT);
                self.flush().await?;
                self.close().await
            }
        }
    }

    /// What the client says of itself, if that is the first thing it says.
    async fn first_is_hello(&mut self) -> io::Result<Option<Hello>> {
        while self.read().await? {
            match self.parser.parse(self.input.received()) {
                Ok(Parsed::Incomplete) => {}
                Ok(Parsed::Complete(_)) => {
                    let command = Command::parse(self.parser.args(self.input.received()));
                    let Ok(Command::Connection(About::Replicate(args))) = command else { break };
                    return Ok(node::parse_hello(args));
                }
                _ => break,
            }
        }
        Ok(None)
    }

    /// Runs what has come, until there is much to send or something else to do.
    async fn commands(&mut self) -> Next {
        loop {
            let end = self.batch().await;
            let next = match end {
                BatchEnd::NoneLeft => Next::Read,
                BatchEnd::Full => Next::More,
                BatchEnd::Special => self.special().await,
                BatchEnd::Garbled(error) => {
                    self.replies.error(&error.to_string());
                    Next::Close
                }
            };
            if !matches!(next, Next::More) || self.replies.len() > REPLIES_MAX {
                return next;
            }
        }
    }

    /// Runs commands about the data at one moment, and waits until it is safe to answer.
    async fn batch(&mut self) -> BatchEnd {
        if self.input.received().is_empty() {
            return BatchEnd::NoneLeft;
        }
        let shared = Arc::clone(self.shared());
        shared.engine.room().await;
        let mark = self.replies.mark();
        let seen = shared.engine.with(|transaction, is_whole| {
            self.run_at_once(transaction, Refusal::new(shared.is_follower(), is_whole))
        });
        let (count, end) = seen.result;
        shared.clients.ran(count);
        // Who has run nothing has seen nothing.
        if let Some(group) = seen.ticket.filter(|_| count > 0) {
            if let Err(reason) = group.ended().await {
                self.replies.rewind(mark);
                (0..count).for_each(|_| self.replies.error(&not_written(&reason)));
            }
        }
        end
    }

    /// Runs commands until one is not about the data; answers how many.
    fn run_at_once(
        &mut self,
        transaction: &mut Transaction<'_>,
        refusal: Refusal,
    ) -> (usize, BatchEnd) {
        let Connection { parser, input, replies, mailbox, .. } = self;
        let mut count = 0;
        while count < BATCH && replies.len() <= REPLIES_MAX {
            let whole = match parser.parse(input.received()) {
                Ok(Parsed::Complete(len)) => len,
                Ok(Parsed::Skip(len)) => {
                    input.done(len);
                    continue;
                }
                Ok(Parsed::Incomplete) => return (count, BatchEnd::NoneLeft),
                Err(error) => return (count, BatchEnd::Garbled(error)),
            };
            match Command::parse(parser.args(input.received())) {
                Ok(Command::Connection(_)) => return (count, BatchEnd::Special),
                Ok(_) if mailbox.is_some() => replies.error(ONLY_SUBSCRIBE),
                Ok(Command::Plain(plain)) => plain.reply(replies),
                Ok(Command::Data(data)) => match refusal.of(&data) {
                    Some(words) => replies.error(words),
                    None => data.run(transaction, replies),
                },
                Err(fault) => replies.error(fault.text()),
            }
            input.done(whole);
            count += 1;
        }
        (count, BatchEnd::Full)
    }

    /// Runs one command about the connection or the node.
    async fn special(&mut self) -> Next {
        // The same bytes again: the batch has left them.
        let Ok(Parsed::Complete(whole)) = self.parser.parse(self.input.received()) else {
            return Next::Read;
        };
        let Connection { parser, input, replies, mailbox, seat, .. } = self;
        let shared = &seat.shared;
        shared.clients.ran(1);
        let mut next = Next::More;
        match Command::parse(parser.args(input.received())) {
            Ok(Command::Connection(about)) => match about {
                About::Ping(message) => channels::pong(replies, message, mailbox.is_some()),
                About::Quit => {
                    replies.simple("OK");
                    next = Next::Close;
                }
                About::Subscribe(names) => {
                    let mailbox = mailbox
                        .get_or_insert_with(|| Arc::new(Mailbox::new(shared.settings.mailbox_max)));
                    channels::subscribe(shared, seat.number, mailbox, names, replies);
                }
                About::Unsubscribe(names) => {
                    channels::unsubscribe(shared, seat.number, mailbox.as_deref(), names, replies);
                    if shared.channels().count(seat.number) == 0 {
                        *mailbox = None;
                    }
                }
                _ if mailbox.is_some() => replies.error(ONLY_SUBSCRIBE),
                About::Publish { channel, message } => {
                    let delivery = shared.channels().publish(channel, message);
                    replies.integer(delivery.wake() as i64);
                }
                About::Info(sections) => {
                    replies.bulk(info::text(shared, sections).await.as_bytes())
                }
                About::ClientId => replies.integer(seat.number as i64),
                About::Hello => node::hello(shared, seat.number, replies),
                About::Digest => node::digest(shared, replies).await,
                About::Compact => match shared.engine.compact().await {
                    Ok(done) => replies.simple(&done.to_string()),
                    Err(error) => replies.error(&format!("ERR not compacted: {error}")),
                },
                About::Replicate(args) => match node::parse_hello(args) {
                    Some(hello) => next = Next::Feed(hello),
                    None => replies.error(
                        "ERR REPLICATE is what followers say: version epoch offset heartbeat",
                    ),
                },
            },
            _ => replies.error("ERR syntax error"),
        }
        self.input.done(whole);
        next
    }

    /// Reads more; `false` when nothing more comes. Messages to the client are sent in between.
    async fn read(&mut self) -> io::Result<bool> {
        self.input.rest();
        loop {
            let Some(mailbox) = self.mailbox.clone() else {
                let n = self.stream.read(self.input.room()).await?;
                self.input.filled(n);
                return Ok(n > 0);
            };
            let news = mailbox.listen();
            if mailbox.is_too_slow() {
                return Ok(false);
            }
            if mailbox.take_into(&mut self.replies) {
                self.flush().await?;
                continue;
            }
            let reading = async { self.stream.read(self.input.room()).await.map(Some) };
            let listening = async {
                news.await;
                Ok(None)
            };
            if let Some(n) = or(reading, listening).await? {
                self.input.filled(n);
                return Ok(n > 0);
            }
        }
    }

    /// Says that nothing more comes, and reads away what still comes. Closed with something unread,
    /// a socket forgets what was sent last: the client would never hear why it is left.
    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write).await?;
        let deaf = async {
            loop {
                self.input.done(self.input.received().len());
                match self.stream.read(self.input.room()).await? {
                    0 => return Ok(()),
                    n => self.input.filled(n),
                }
                task::yield_now().await;
            }
        };
        time::timeout(LINGER, deaf).await.unwrap_or(Ok(()))
    }

    /// Sends all answers.
    async fn flush(&mut self) -> io::Result<()> {
        while !self.replies.is_empty() {
            let writing = self.stream.write(self.replies.chunk());
            let n = match &self.mailbox {
                None => writing.await?,
                Some(mailbox) => or(writing, channels::overflow(mailbox)).await?,
            };
            self.replies.advance(n);
        }
        self.replies.clear();
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.mailbox.is_some() {
            self.shared().channels().leave(self.seat.number);
        }
    }
}

pub(super) const LOADING: &str = "LOADING this follower is still catching up with its primary";

const ONLY_SUBSCRIBE: &str =
    "ERR a client that has subscribed may only SUBSCRIBE, UNSUBSCRIBE, PING and QUIT";

/// Which commands about the data are refused now.
#[derive(Clone, Copy)]
enum Refusal {
    None,
    Writes,
    All,
}

impl Refusal {
    fn new(is_follower: bool, is_whole: bool) -> Refusal {
        match (is_follower, is_whole) {
            (false, _) => Refusal::None,
            (true, true) => Refusal::Writes,
            (true, false) => Refusal::All,
        }
    }

    fn of(self, data: &Data<'_>) -> Option<&'static str> {
        match self {
            Refusal::All => Some(LOADING),
            Refusal::Writes if data.writes() => {
                Some("READONLY this node follows another one; write to the primary")
            }
            _ => None,
        }
    }
}

/// What a client hears whose group was undone.
pub(super) fn not_written(reason: &NotWritten) -> String {
    format!("MISCONF the log cannot be written, so this was not done: {reason}")
}
