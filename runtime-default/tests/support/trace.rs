//! Steps through a child, one instruction at a time: `ptrace` on x86-64 Linux.
//!
//! A step costs microseconds, so what is not to be looked at runs at full speed, to a breakpoint where
//! it returns.
//!
//! Bound by hand, because it is five calls. A tracer is a *thread*: who starts the child makes all
//! calls.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::fmt;
use std::fs;
use std::ops::Range;
use std::process::Command;
use std::ptr;

/// The exit code of a child that could not have itself traced.
pub(crate) const UNTRACED: i32 = 86;

unsafe extern "C" {
    fn ptrace(request: c_uint, pid: c_int, address: *mut c_void, data: *mut c_void) -> c_long;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
}

const TRACEME: c_uint = 0;
const PEEKTEXT: c_uint = 1;
const POKETEXT: c_uint = 4;
const POKEUSER: c_uint = 6;
const PEEKUSER: c_uint = 3;
const CONT: c_uint = 7;
const SINGLESTEP: c_uint = 9;
/// Also threads that are not children.
const ALL: c_int = 0x4000_0000;
/// Where `struct user` has two registers.
const RIP: usize = 16 * 8;
const RSP: usize = 19 * 8;
const SIGTRAP: c_int = 5;
const INT3: u8 = 0xcc;

/// Has the parent trace the calling thread; `false`: that is not allowed here.
pub(crate) fn trace_me() -> bool {
    // SAFETY: no pointer is followed.
    unsafe { ptrace(TRACEME, 0, ptr::null_mut(), ptr::null_mut()) == 0 }
}

/// A child that stands at a breakpoint.
pub(crate) struct Tracee {
    child: u32,
    /// The thread that is traced.
    thread: c_int,
    text: Text,
}

/// What a stretch of steps was made of.
#[derive(Default)]
pub(crate) struct Stretch {
    /// Instructions of our text.
    pub(crate) ours: usize,
    /// How often the function that is left out was called.
    pub(crate) left_out: usize,
    pub(crate) findings: Vec<Finding>,
}

/// An instruction that locks the bus.
pub(crate) struct Finding {
    function: String,
    times: usize,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} × in {}", self.times, self.function)
    }
}

impl Tracee {
    /// Starts a child that has itself traced, and runs to its first breakpoint.
    pub(crate) fn start(mut command: Command, text: Text) -> Option<Tracee> {
        let child = command.spawn().expect("this program starts again").id();
        let (thread, status) = wait();
        if !is_breakpoint(status) {
            assert_eq!(status, UNTRACED << 8, "the child ended before its first breakpoint");
            return None;
        }
        let text = text.loaded(&fs::read_to_string(format!("/proc/{child}/maps")).ok()?);
        Some(Tracee { child, thread, text })
    }

    /// Where the one function is whose symbol contains `name`.
    pub(crate) fn address_of(&self, name: &str) -> Option<usize> {
        self.text.address_of(name)
    }

    /// Runs to the next breakpoint.
    pub(crate) fn run_to_breakpoint(&self) {
        self.call(CONT, 0, 0);
        assert!(is_breakpoint(wait().1), "the child ended before its next breakpoint");
    }

    /// Steps to the next breakpoint, looking at each instruction of our text before it runs, but for
    /// those of a function that is left out, and of what that calls.
    pub(crate) fn step_to_breakpoint(&self, left_out: Option<usize>) -> Stretch {
        let mut stretch = Stretch::default();
        let mut found = BTreeMap::<usize, usize>::new();
        loop {
            let at = self.peek(PEEKUSER, RIP);
            let code = self.text.code(at);
            if left_out == Some(at) {
                stretch.left_out += 1;
                self.run_to_return();
            } else if let Some(code) = code {
                stretch.ours += 1;
                if code[0] == INT3 {
                    break;
                }
                if locks(code) {
                    *found.entry(at).or_default() += 1;
                }
                self.step();
            } else {
                self.run_to_return();
            }
        }
        self.run_to_breakpoint(); // the one that we stand before
        let finding = |(at, times)| Finding { function: self.text.function(at), times };
        stretch.findings = found.into_iter().map(finding).collect();
        stretch
    }

    fn step(&self) {
        self.call(SINGLESTEP, 0, 0);
        assert!(is_breakpoint(wait().1), "the child ended in the middle of a stretch");
    }

    /// At the first instruction of a function: runs until it has returned to our text.
    fn run_to_return(&self) {
        let back = self.peek(PEEKTEXT, self.peek(PEEKUSER, RSP));
        if self.text.code(back).is_none() {
            return self.step(); // what it returns to is not ours
        }
        let code = self.peek(PEEKTEXT, back);
        self.call(POKETEXT, back, code & !0xff | usize::from(INT3));
        self.call(CONT, 0, 0);
        assert!(is_breakpoint(wait().1), "the child ended in a function that is left out");
        self.call(POKETEXT, back, code);
        self.call(POKEUSER, RIP, back);
    }

    /// Lets the child end; whether it succeeded.
    pub(crate) fn finish(self) -> bool {
        self.call(CONT, 0, 0);
        loop {
            let (pid, status) = wait();
            if pid == self.child as c_int && status & 0x7f == 0 {
                return status == 0;
            }
        }
    }

    fn call(&self, request: c_uint, address: usize, data: usize) {
        let (address, data) = (without_provenance(address), without_provenance(data));
        // SAFETY: the thread is stopped; addresses are those of the other process.
        let done = unsafe { ptrace(request, self.thread, address, data) };
        assert_eq!(done, 0, "the traced thread is not stopped");
    }

    /// A word of the traced thread: of its memory or its registers.
    fn peek(&self, request: c_uint, address: usize) -> usize {
        // SAFETY: as above; the C library's function answers the word.
        unsafe {
            ptrace(request, self.thread, without_provenance(address), ptr::null_mut()) as usize
        }
    }
}

fn without_provenance(address: usize) -> *mut c_void {
    ptr::without_provenance_mut(address)
}

/// Waits for news of the child or its thread.
fn wait() -> (c_int, c_int) {
    let mut status = 0;
    // SAFETY: `status` is there to be written.
    let pid = unsafe { waitpid(-1, &raw mut status, ALL) };
    assert!(pid > 0, "there is no child");
    (pid, status)
}

fn is_breakpoint(status: c_int) -> bool {
    status & 0xff == 0x7f && status >> 8 & 0xff == SIGTRAP
}

/// Whether the instruction locks the bus: a `lock` prefix, or `xchg` with memory.
fn locks(code: &[u8]) -> bool {
    const PREFIXES: [u8; 10] = [0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65];
    const LOCK: u8 = 0xf0;
    let is_prefix = |byte: u8| byte == LOCK || PREFIXES.contains(&byte);
    let prefixes = code.iter().take_while(|&&byte| is_prefix(byte)).count();
    let (prefixes, rest) = code.split_at(prefixes);
    let rex = usize::from(matches!(rest.first(), Some(0x40..=0x4f)));
    let is_xchg = matches!(rest[rex..], [0x86 | 0x87, modrm, ..] if modrm >> 6 != 3);
    prefixes.contains(&LOCK) || is_xchg
}

#[test]
fn instructions_that_lock_are_known() {
    assert!(locks(&[0xf0, 0x48, 0x0f, 0xc1, 0x07]), "lock xadd [rdi], rax");
    assert!(locks(&[0x2e, 0xf0, 0xff, 0x0f]), "lock dec dword [rdi]");
    assert!(locks(&[0x48, 0x87, 0x07, 0x90]), "xchg [rdi], rax");
    assert!(locks(&[0x86, 0x07, 0x90]), "xchg [rdi], al");
    assert!(!locks(&[0x48, 0x87, 0xc7, 0x90]), "xchg rdi, rax");
    assert!(!locks(&[0x90, 0xf0, 0x48]), "nop, and what follows it");
    assert!(!locks(&[0x48, 0x8b, 0x07, 0xf0]), "mov rax, [rdi]");
    assert!(!locks(&[0x66, 0x90, 0xf0]), "a longer nop");
}

// ── the program ─────────────────────────────────────────────────────────────────────────────

/// The executable's code and the names in it.
pub(crate) struct Text {
    file: Vec<u8>,
    /// By address: the functions.
    symbols: BTreeMap<usize, String>,
    /// Where the code is loaded, and where that stands in the file.
    loaded: Vec<(Range<usize>, usize)>,
    bias: usize,
}

impl Text {
    pub(crate) fn of_this_program() -> Text {
        let file = fs::read("/proc/self/exe").expect("a program can read itself");
        let symbols = symbols(&file).into_iter().collect();
        Text { file, symbols, loaded: Vec::new(), bias: 0 }
    }

    pub(crate) fn has_symbol(&self, name: &str) -> bool {
        self.symbols.values().any(|symbol| symbol == name)
    }

    /// With its place in a process, whose `maps` these are.
    fn loaded(mut self, maps: &str) -> Text {
        let exe = std::env::current_exe().expect("it has a path");
        let exe = exe.to_str().expect("a path in UTF-8");
        for line in maps.lines().filter(|line| line.ends_with(exe)) {
            let mut words = line.split_whitespace();
            let (range, mode) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let (from, to) = range.split_once('-').expect("a range");
            let (from, to, offset) = (hex(from), hex(to), hex(words.next().unwrap_or("")));
            if offset == 0 {
                self.bias = from;
            }
            if mode.contains('x') {
                self.loaded.push((from..to, offset));
            }
        }
        self
    }

    /// The code at an address, if that is ours.
    fn code(&self, at: usize) -> Option<&[u8]> {
        let (range, offset) = self.loaded.iter().find(|(range, _)| range.contains(&at))?;
        self.file.get(at - range.start + offset..)
    }

    fn address_of(&self, name: &str) -> Option<usize> {
        let mut matches = self.symbols.iter().filter(|(_, symbol)| symbol.contains(name));
        let (at, _) = matches.next()?;
        matches.next().is_none().then_some(at + self.bias)
    }

    fn function(&self, at: usize) -> String {
        let before = self.symbols.range(..=at - self.bias).next_back();
        before.map_or_else(|| format!("{at:#x}"), |(_, symbol)| symbol.clone())
    }
}

fn hex(digits: &str) -> usize {
    usize::from_str_radix(digits, 16).expect("a number")
}

/// The functions in an ELF file of 64 bits, by their address before it is loaded.
fn symbols(file: &[u8]) -> Vec<(usize, String)> {
    let number = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&file[at..at + size]);
        u64::from_le_bytes(bytes) as usize
    };
    let (sections, size, count) = (number(0x28, 8), number(0x3a, 2), number(0x3c, 2));
    let section = |index: usize| sections + index * size;
    let (offset, length) = (|at: usize| number(at + 0x18, 8), |at: usize| number(at + 0x20, 8));
    let table = (0..count).map(section).find(|&at| number(at + 4, 4) == 2);
    let Some(table) = table else { return Vec::new() };
    let names = offset(section(number(table + 0x28, 4)));
    let entries = (0..length(table) / 24).map(|index| offset(table) + index * 24);
    let functions = entries.filter(|&at| number(at + 4, 1) & 0xf == 2 && number(at + 8, 8) != 0);
    let name = |at: usize| {
        let name = &file[names + number(at, 4)..];
        let length = name.iter().position(|&byte| byte == 0).unwrap_or(0);
        String::from_utf8_lossy(&name[..length]).into_owned()
    };
    functions.map(|at| (number(at + 8, 8), name(at))).collect()
}
