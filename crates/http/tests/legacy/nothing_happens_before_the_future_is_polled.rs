use crate::support::{Told, client, get};

#[test]
fn not_even_outside_a_runtime() {
    let connector = Told::new();
    let client = client(&connector);
    drop(client.request(get("http://h.test/a".parse().unwrap())));
    assert_eq!(connector.opened(), 0);
}
