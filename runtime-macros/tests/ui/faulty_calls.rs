//! A function that was refused can still be called, without a second error.

#[runtime_macros::default_main(threads = 2)]
async fn length(text: &str) -> impl Into<usize> {
    std::future::ready(()).await;
    text.len()
}

fn main() {
    let _: usize = length("text").into();
}
