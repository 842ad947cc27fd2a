"""Writes the reports of `tests/grade` as one page of Markdown."""

import json
import pathlib
import sys

CLIENTS = {
    "doorkey": ("`doorkey`", "`doorkey login`, `doorkey api`"),
    "pensar": ("`pensar`", "`pensar login`, `pensar credits`"),
    "pentify": ("`pentify`", "`pentify login`, `pentify scans list`; it has API keys, which are not refreshed"),
    "oauth2": ("oauth2", "crate `oauth2` 5.0.0 with `reqwest`"),
    "openid-client": ("openid-client", "npm `openid-client` 6.8.9"),
    "requests_oauth2client": ("r_oauth2client", "PyPI `requests_oauth2client` 1.8.0"),
    "authlib": ("Authlib ¹", "PyPI `authlib` 1.9.9"),
    "requests_oauthlib": ("r-oauthlib ¹", "PyPI `requests-oauthlib` 2.0.0 with `oauthlib` 4.0.1"),
}
MARKS = {"passed": "✓", "failed": "**✗**", "not_exercised": "–"}
EXITS = {"killed": "killed", "timed_out": "too long"}

reports = {name: json.loads(pathlib.Path(sys.argv[1], f"{name}.json").read_text()) for name in CLIENTS}


def row(cells):
    print("| " + " | ".join(cells) + " |")


def header(first):
    row([*first, *(short for short, _ in CLIENTS.values())])
    row(["---"] * (len(first) + len(CLIENTS)))


def ends(run):
    return EXITS[run] if isinstance(run, str) else str(run["exited"])


print("""# Clients, graded

Written by `tests/grade`, which runs `doorkey sandbox --examine` on each. ✓ kept, **✗** broken, – not exercised: the client
never came where it could have been broken, which is no praise. What the rules mean, and where they are written:
[grading.md](grading.md). The clients on libraries are in `tests/graded/`, each as its library's documentation has it.
They keep their tokens in a file, as small commands do. What is between two processes (`refresh-raced`,
`refresh-after-refusal`, `session-lost`) all of these libraries leave to whoever uses them: there the table shows what one gets
who adds nothing.

| client | is |
|---|---|""")
for short, what in CLIENTS.values():
    row([short, what])
print("""
¹ It has the grant, and leaves the loop of RFC 8628 §3.5 to whoever uses it: that loop is ours, and as short as the RFC
describes it.

## Rules
""")
header(["rule", "source", "level"])
for index, rule in enumerate(next(iter(reports.values()))["rules"]):
    found = [report["rules"][index] for report in reports.values()]
    # How often is a matter of luck, with races above all.
    marks = [MARKS[one["verdict"]] for one in found]
    row([f"`{rule['rule']}`", rule["source"], rule["level"], *marks])
row(["passed, failed, open", "", "", *(
    ", ".join(str(sum(rule["verdict"] == verdict for rule in report["rules"])) for verdict in MARKS)
    for report in reports.values()
)])
print("""
## Situations

What happens in each, and the exit codes of the client: of its login, and of the processes that then use the session. Where
trouble is told to the person and the session is kept, a process may fail and the next one succeed. "Too long": it was ended
after 30 s; logins of Pentify have five minutes.
""")
header(["situation", "what happens"])
names = {}
for report in reports.values():
    names.update({one["situation"]: one["title"] for one in report["situations"]})
for name, title in names.items():
    cells = []
    for report in reports.values():
        played = [one for one in report["situations"] if one["situation"] == name]
        runs = [ends(run) for one in played for run in one["runs"]]
        cells.append(": ".join(filter(None, [runs[0], " ".join(runs[1:])])) if runs else "–")
    row([name, title, *cells])
print("""
## What was seen of the rules that were broken
""")
for name, (short, _) in CLIENTS.items():
    failed = [rule for rule in reports[name]["rules"] if rule["count"]]
    if failed:
        print(f"{short}:\n")
        for rule in failed:
            first = rule["first"]
            print(f"- `{rule['rule']}`, first in the situation `{first['situation']}`; {rule['remedy']}")
        print()
