//! `conformance.html`: one self-contained page, clauses × runtimes.
//!
//! The page is three files beside this one, joined here with the data; it loads nothing. The data is
//! JSON in a script element: `json` writes `<` as an escape, so no text of a runtime can end the
//! element, and the script puts texts into the page as text only. It has what `conformance.json` has,
//! and what differs from run to run: the threads of a hang, what a stochastic case met.

use crate::contract;
use crate::json::Value;
use crate::report::Page;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

pub(super) fn file(pages: &[Page]) -> String {
    let data = Value::object([
        ("clauses", Value::List(clauses())),
        ("runs", Value::List(pages.iter().map(|page| page.to_json(true)).collect())),
    ]);
    // The data comes last: nothing that it holds is taken for a place to fill.
    PAGE.replace("/*STYLE*/", STYLE.trim_end())
        .replace("/*SCRIPT*/", SCRIPT.trim_end())
        .replace("/*DATA*/", &data.to_string())
}

/// What the page says about each clause, declarations last.
fn clauses() -> Vec<Value> {
    let all = contract::clauses().iter().chain(contract::declarations());
    let one = |clause: &contract::Clause| {
        Value::object([
            ("id", clause.id.into()),
            ("group", clause.group().into()),
            ("level", clause.level.to_string().into()),
            ("tier", clause.tier.to_string().into()),
            ("sev", format!("S{}", clause.severity).into()),
            ("rule", clause.rule.into()),
        ])
    };
    all.map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::sample;

    #[test]
    fn the_page_loads_nothing_and_its_data_cannot_leave_its_element() {
        let mut page = sample();
        page.outcomes[0].observed = "</script><img src=x> /*SCRIPT*/ \u{2028}".into();
        let html = file(&[page]);
        assert!(!html.contains("<img") && !html.contains("http://") && !html.contains("https://"));
        assert_eq!(html.matches("</script>").count(), 2);
        let data = html.split("application/json\">").nth(1).unwrap().split("</script>").next();
        let data = Value::parse(data.unwrap()).unwrap();
        assert_eq!(data.get("runs").items().len(), 1);
        assert!(data.get("clauses").items().len() > 150);
    }
}
