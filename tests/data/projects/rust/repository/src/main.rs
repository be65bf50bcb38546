//! Reports on the sensors of the day.

use readings::Series;

fn report(series: &Series) {
    match series.median() {
        Some(median) => eprintln!("INFO {}: median {median}", series.sensor),
        None => eprintln!("INFO {}: nothing was measured", series.sensor),
    }
}

fn main() {
    for series in [
        Series { sensor: "roof", readings: vec![201, 187, 190] },
        Series { sensor: "cellar", readings: vec![] },
    ] {
        report(&series);
    }
}
