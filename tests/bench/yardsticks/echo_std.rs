//! The plain yardstick in Rust: an IPv4 echo server of the standard library's UdpSocket.

use std::net::UdpSocket;

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or("7".into());
    let socket = UdpSocket::bind(format!("127.0.0.1:{port}"))?;
    let mut data = [0; 65536];
    println!("ready");
    loop {
        if let Ok((length, peer)) = socket.recv_from(&mut data) {
            let _ = socket.send_to(&data[..length], peer);
        }
    }
}
