//! A method has no object to start with.

struct Program;

impl Program {
    #[runtime_macros::default_main]
    async fn run(&self) {}

    #[runtime_macros::default_test]
    async fn test(self) {}
}

fn main() {
    let _ = Program.run();
}
