//! A server that an example starts for itself, or is told to use.

use std::env;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server, which ends with this if the example has started it.
pub(crate) struct Program {
    child: Option<Child>,
    pub(crate) address: String,
    pub(crate) port: u16,
}

impl Program {
    /// The server at the address in the first argument. Without one, starts `name` on a free port
    /// of this machine, which is put where `arguments` say `PORT`.
    ///
    /// `None` if there is no such program here, which is an error if `required` is 1 in the
    /// environment.
    pub(crate) fn at_argument_or_start(
        name: &str,
        arguments: &[&str],
        required: &str,
    ) -> Result<Option<Self>, Box<dyn Error>> {
        if let Some(given) = env::args().nth(1) {
            let form = "give the address of the server as host:port";
            let (address, port) = given.rsplit_once(':').ok_or(form)?;
            return Ok(Some(Self {
                child: None,
                address: address.to_owned(),
                port: port.parse().map_err(|_| form)?,
            }));
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let number = port.to_string();
        let arguments = arguments.iter().map(|argument| match *argument {
            "PORT" => number.as_str(),
            other => other,
        });
        let mut command = Command::new(name);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if env::var_os(required).is_some_and(|value| value == "1") {
                    return Err(format!("{required}=1, and there is no {name}").into());
                }
                println!("SKIPPED: there is no {name} here; {required}=1 makes that an error");
                return Ok(None);
            }
            Err(error) => return Err(format!("{name} does not start: {error}").into()),
        };
        let mut program = Self {
            child: Some(child),
            address: "127.0.0.1".to_owned(),
            port,
        };
        program.wait_until_it_listens(name)?;
        Ok(Some(program))
    }

    fn wait_until_it_listens(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((self.address.as_str(), self.port)).is_err() {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                return Err(format!("{name} ended before it listened: {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("{name} did not listen within 10 s").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // An error means that it has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
