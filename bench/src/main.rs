use anyhow::Result;
use keepalive_bench::plan::Plan;
use keepalive_bench::progress::Progress;
use keepalive_bench::report;
use keepalive_bench::rows::Row;

fn main() -> Result<()> {
    let mut progress = Progress::new(4);
    let plan = Plan::quick();
    for row in Row::ALL {
        progress.begin(row);
        for table in row.measure(&plan, &progress)? {
            println!("{}", report::markdown(&table));
        }
        progress.end();
    }
    progress.finish();
    Ok(())
}
