//! Two runtimes in one process: each task sees its own, and humboldt's stream is humboldt's.

#![forbid(unsafe_code)]

use std::process::Command;

/// What the program prints, whatever the order: several threads speak.
#[test]
fn each_task_is_where_it_was_spawned_and_the_stream_is_driven_by_humboldt() {
    let output = Command::new(env!("CARGO_BIN_EXE_with_other")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for (who, expected) in [
        ("main", "`humboldt` is current, thread `main`"),
        ("the engine, by `spawn` in main", "`humboldt` is current, thread `humboldt-worker-"),
        ("the outer task, by `other::spawn`", "`default` is current, thread `runtime-default-"),
        ("the outer task's TurboStream", "woken by thread `humboldt-driver-"),
        ("the outer task, after its TurboStream", "`default` is current, thread `runtime-default-"),
        ("the inner task, by `humboldt::spawn`", "`humboldt` is current, thread `humboldt-worker-"),
        ("the outer task, after both", "`default` is current, thread `runtime-default-"),
        ("40 by Turbo and 2 by the inner task", "42"),
        ("main, after all that", "`humboldt` is current, thread `main`"),
    ] {
        let said = text.lines().filter_map(|line| line.strip_prefix(who)?.strip_prefix(": "));
        let said: Vec<_> = said.collect();
        assert!(
            matches!(said[..], [line] if line.starts_with(expected)),
            "{who}: {said:?}\n{text}"
        );
    }
    assert_eq!(text.lines().count(), 9, "{text}");
}
