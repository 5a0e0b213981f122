//! The page of sample code, from the action registry.

use std::fmt::Write;

use rpc::{ACTIONS, SampleLanguage, render_sample};

const HEAD: &str = "# Sample code

<!-- Generated from crates/rpc by `make generate`. -->

The example of every operation in the [API reference](api.md), as a program that runs as it stands. A test runs each of
them against a service. All find the service and the access key in the environment:

```sh
export BACKSTOP_ENDPOINT=http://127.0.0.1:8086
export ALIBABA_CLOUD_ACCESS_KEY_ID=...          # what `backstop init` or `backstop accesskey create` printed
export ALIBABA_CLOUD_ACCESS_KEY_SECRET=...
```

- Python: `pip install alibabacloud_rds20140815`.
- Node: `npm install @alicloud/rds20140815 @alicloud/openapi-core @darabonba/typescript`; save a sample as a file that ends in `.mjs`.
- Operations of ours that the RDS API does not have are called without a model of the SDK.
- Where a proxy is set, the service's host belongs into `no_proxy`.
- `https://` with a CA of your own: `ca=FILE` in the `Config` of Python, `NODE_EXTRA_CA_CERTS` for Node, `BACKSTOP_CA_FILE` for the
  command line.
- A refusal is an exception in Python and Node, whose `code` the [list of error codes](reference/error-codes.md) explains, and the
  exit status 1 of the command line.
";

pub(super) fn render() -> String {
    let mut page = HEAD.to_owned();
    for action in ACTIONS {
        let anchor = action.name.to_lowercase();
        // Writing into a String cannot fail.
        let _ = write!(page, "\n## {}\n\n[Reference](api.md#{anchor})\n", action.name);
        for language in SampleLanguage::ALL {
            let sample = render_sample(action, language);
            let _ = write!(page, "\n{}:\n\n```{}\n{sample}```\n", language.name(), language.syntax());
        }
    }
    page
}
