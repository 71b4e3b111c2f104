//! A host such as a browser takes the future away and returns at once.

mod browser {
    pub struct Config;

    pub fn entry<F: Future<Output = ()> + 'static>(configure: impl FnOnce(&mut Config), main: F) {
        configure(&mut Config);
        std::mem::forget(Box::new(main));
    }
}

#[runtime_macros::main(runtime(browser))]
async fn main() {
    std::future::pending().await
}
