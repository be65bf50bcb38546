//! A proxy that does to connections what networks and restarts do, at the moment that a test asks for.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// Passes TCP connections on to a server of this machine, over threads of its own.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    server: u16,
    gate: Mutex<Gate>,
    changed: Condvar,
}

#[derive(Default)]
struct Gate {
    refusing: bool,
    stalled: bool,
    ended: bool,
    trap: Option<Trap>,
    sprung: usize,
    /// Those that are open, by the order in which they came.
    connections: BTreeMap<usize, [TcpStream; 2]>,
    taken: usize,
}

/// What is lost of the next exchange in which a client says `needle`.
struct Trap {
    needle: Vec<u8>,
    loses: Loses,
}

#[derive(Clone, Copy, PartialEq)]
enum Loses {
    Request,
    Answer,
}

impl Proxy {
    /// Stands before the server on this port of 127.0.0.1.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { server, gate: Mutex::default(), changed: Condvar::new() });
        let accepting = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.gate().ended {
                    return;
                }
                accepting.connect(client);
            }
        });
        Self { port, state }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections; new ones are taken.
    pub fn cut(&self) {
        cut(&mut self.state.gate());
    }

    /// Closes every new connection as soon as it is made; those that there are stay.
    pub fn refuse(&self) {
        self.state.gate().refusing = true;
    }

    /// Takes new connections again.
    pub fn accept(&self) {
        self.state.gate().refusing = false;
    }

    /// Lets no byte through either way, with the connections left open, as where a network swallows packets.
    pub fn stall(&self) {
        self.state.gate().stalled = true;
    }

    /// Lets bytes through again, those first that waited.
    pub fn flow(&self) {
        self.state.gate().stalled = false;
        self.state.changed.notify_all();
    }

    /// The next time that a client says `needle` the server hears it, and the connection is closed when it answers,
    /// without that answer: the client cannot know whether it was done. It was.
    ///
    /// The needle is looked for in the bytes as they are, across reads too. What the server still had to answer to
    /// earlier requests of that connection would be taken for the answer: clients that wait for each answer are safe.
    pub fn lose_answer_to(&self, needle: &str) {
        self.arm(needle, Loses::Answer);
    }

    /// The next time that a client says `needle` the connection is closed before the server hears it: to the client
    /// this looks as [`Proxy::lose_answer_to`] does, and nothing was done.
    pub fn lose_request(&self, needle: &str) {
        self.arm(needle, Loses::Request);
    }

    /// How often something was lost in these ways.
    pub fn lost(&self) -> usize {
        self.state.gate().sprung
    }

    fn arm(&self, needle: &str, loses: Loses) {
        assert!(!needle.is_empty());
        self.state.gate().trap = Some(Trap { needle: needle.into(), loses });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut gate = self.state.gate();
        gate.ended = true;
        cut(&mut gate);
        drop(gate);
        self.state.changed.notify_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap()
    }

    fn connect(self: &Arc<Self>, client: TcpStream) {
        let mut gate = self.gate();
        if gate.refusing {
            return;
        }
        // A server that is down closes the client's connection, as the end of this function does.
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.server)) else { return };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let copies = || [client.try_clone().unwrap(), server.try_clone().unwrap()];
        let id = gate.taken;
        gate.taken += 1;
        gate.connections.insert(id, copies());
        drop(gate);
        let answer_lost = Arc::new(AtomicBool::new(false));
        let (state, flag, [from, to]) = (Arc::clone(self), Arc::clone(&answer_lost), copies());
        thread::spawn(move || {
            state.pass_requests(&from, &to, &flag);
            state.close(id);
        });
        let state = Arc::clone(self);
        thread::spawn(move || {
            state.pass_answers(&server, &client, &answer_lost);
            state.close(id);
        });
    }

    /// Ends a connection both ways, whichever way ended first.
    fn close(&self, id: usize) {
        if let Some(streams) = self.gate().connections.remove(&id) {
            shut(&streams);
        }
    }

    fn pass_requests(&self, mut client: &TcpStream, mut server: &TcpStream, answer_lost: &AtomicBool) {
        let mut buffer = vec![0; 16 * 1024];
        let mut said = Vec::new();
        while let Some(read) = some(client.read(&mut buffer)) {
            let bytes = &buffer[..read];
            said.extend_from_slice(bytes);
            match self.spring(&mut said) {
                Some(Loses::Request) => return,
                Some(Loses::Answer) => answer_lost.store(true, Ordering::SeqCst),
                None => {}
            }
            if !self.wait_while_stalled() || server.write_all(bytes).is_err() {
                return;
            }
        }
    }

    fn pass_answers(&self, mut server: &TcpStream, mut client: &TcpStream, answer_lost: &AtomicBool) {
        let mut buffer = vec![0; 16 * 1024];
        while let Some(read) = some(server.read(&mut buffer)) {
            if answer_lost.load(Ordering::SeqCst) {
                return;
            }
            if !self.wait_while_stalled() || client.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    }

    /// Whether the trap's needle is in what was said lately, of which only so much is kept as the next read may complete.
    fn spring(&self, said: &mut Vec<u8>) -> Option<Loses> {
        let mut gate = self.gate();
        let Some(trap) = &gate.trap else {
            said.clear();
            return None;
        };
        let needle = trap.needle.as_slice();
        let loses = trap.loses;
        if said.windows(needle.len()).any(|window| window == needle) {
            gate.trap = None;
            gate.sprung += 1;
            return Some(loses);
        }
        said.drain(..said.len().saturating_sub(needle.len() - 1));
        None
    }

    /// Whether bytes may pass, after a wait if need be; not where the proxy ended meanwhile.
    fn wait_while_stalled(&self) -> bool {
        let gate = self.changed.wait_while(self.gate(), |gate| gate.stalled && !gate.ended).unwrap();
        !gate.ended
    }
}

fn cut(gate: &mut Gate) {
    for streams in std::mem::take(&mut gate.connections).values() {
        shut(streams);
    }
}

fn shut(streams: &[TcpStream]) {
    for stream in streams {
        // It may have ended before.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// How much was read, if anything came.
fn some(read: std::io::Result<usize>) -> Option<usize> {
    read.ok().filter(|&read| read > 0)
}
