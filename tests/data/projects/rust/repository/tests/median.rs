use readings::Series;

fn median(readings: &[i32]) -> Option<i32> {
    Series { sensor: "test", readings: readings.to_vec() }.median()
}

#[test]
fn the_middle_of_an_odd_number() {
    assert_eq!(median(&[3, 1, 2]), Some(2));
}

#[test]
fn nothing_has_no_middle() {
    assert_eq!(median(&[]), None);
}
