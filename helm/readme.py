"""The chart's README: what it asks for, how it is installed, and a table of all values. Pure."""

import json
from collections.abc import Iterable

from helm.values import Value

_PAGE = """\
# sisdrop, the chart

<!-- Written by `make chart` from values.yaml; a test keeps it fresh. -->

One pod that takes patron XML from a share, checks it, and delivers it to Alma by SFTP.

## Before

- A **claim that binds the share**. [ci](ci) shows one for SMB and one for NFS, with the mount
  options that matter.
- A **Secret** with the private key: `sisdrop keygen --out keys`, then
  `kubectl create secret generic sisdrop-sftp --from-file=id_ed25519=keys/id_ed25519`.
- The **server's host keys**: `sisdrop scan-host-key HOST > known_hosts`, and their fingerprints
  compared with the server's owner.
- The image, where your cluster finds it.

## Install

```
helm install sisdrop helm/sisdrop --namespace library \\
  --set image.repository=$REGISTRY/sisdrop \\
  --set config.sftp.host=files.carli.illinois.edu \\
  --set config.sftp.username=abcftp \\
  --set-string config.sftp.directory='~/upload/ALMA/SIS' \\
  --set existingSecret=sisdrop-sftp \\
  --set-file knownHosts.text=known_hosts \\
  --set inbox.existingClaim=patron-share
```

A value that is missing is asked for in a sentence; a name that is misspelt is refused. The
namespace may enforce the *restricted* profile of pod security.

`helm upgrade` ends the old pod before it starts the new one. `helm uninstall` leaves the data
claim; name it as `persistence.existingClaim` when you install again. With Helm 4 on a cluster older
than 1.22, add `--server-side=false`.

## Secrets and pins

| what | where | when it changes |
|---|---|---|
| key, passphrase, password | `existingSecret`, as `secretKeys` says | used at the next connection |
| the mail account's password | the same Secret, `secretKeys.mailPassword` | used at the next mail |
| host keys of the server | `knownHosts` | used at the next connection; list the next one, too |
| settings | `config` | a new pod starts |

## Values

`config` takes every setting of the service under its own name; its documentation lists them.

| value | default | what it means |
|---|---|---|
"""


def readme(values: Iterable[Value]) -> str:
    """The whole page."""
    return _PAGE + "".join(map(_row, values))


def _row(value: Value) -> str:
    default = json.dumps(value.default, ensure_ascii=False).replace("|", "\\|")
    said = value.said.replace("|", "\\|")
    return f"| `{value.path}` | `{default}` | {said} |\n"
