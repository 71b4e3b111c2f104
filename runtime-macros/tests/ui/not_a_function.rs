//! Things that are not functions with a body.

#[runtime_macros::default_main]
pub struct Program;

#[runtime_macros::default_test]
mod tests {}

#[runtime_macros::default_main]
const LIMIT: usize = 3;

trait Run {
    #[runtime_macros::default_main]
    async fn run();
}

impl Run for Program {
    async fn run() {}
}

fn main() {
    let _ = (Program, LIMIT);
}
