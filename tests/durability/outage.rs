//! A receiver that is not there for a whole run of the gateway, and then is.

use tokio::net::{TcpSocket, TcpStream};

use crate::chance::Chance;
use crate::crowd::{AT_ONCE, Crowd};
use crate::evidence::Evidence;
use crate::house::House;
use crate::parcel::Parcel;

#[test]
fn records_wait_for_a_receiver_and_arrive_in_order() {
    let (house, mut chance) = (House::new(), Chance::new("outage"));
    let parcel = Parcel::write(house.layout.root(), 100_001, 1, &mut chance);
    let (port, mut evidence) = (point_to_nobody(&house), Evidence::default());
    evidence.read(&house);
    evidence.arrives(&house);
    let before = evidence.received;
    let gateway = house.serve();
    parcel.load(&house);
    let told = house.runtime.block_on(async {
        let crowd = Crowd::begin(&house, &parcel.papers(), &mut chance);
        crowd.answered(5 * AT_ONCE).await;
        crowd.end().await
    });
    // an outage may outlive a gateway
    drop(gateway);
    let _gateway = house.serve();
    evidence.read(&house);
    told.iter().for_each(|told| evidence.holds(told));
    assert!(evidence.records() > before + 5 * AT_ONCE);
    let log = std::fs::read_to_string(house.layout.received()).unwrap();
    assert!(log.lines().count() >= before);
    assert!(told.iter().all(|told| !log.contains(&told.message_id)), "nobody was there");
    forward(&house, port);
    evidence.arrives(&house);
}

/// Turns the gateway's records to a port where nobody listens; the port stays ours.
fn point_to_nobody(house: &House) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = |port| format!("port = {port}\n");
    let (from, to) = (house.receiver.address().port(), socket.local_addr().unwrap().port());
    house.reconfigure(&port(from), &port(to));
    socket
}

/// Lets the receiver listen there.
fn forward(house: &House, port: TcpSocket) {
    let receiver = house.receiver.address();
    let _inside = house.runtime.enter();
    let listener = port.listen(16).unwrap();
    house.runtime.spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let mut there = TcpStream::connect(receiver).await.unwrap();
            tokio::spawn(async move {
                let _ended = tokio::io::copy_bidirectional(&mut here, &mut there).await;
            });
        }
    });
}
