"""How to ask a deployment from other languages: whole programs, which read the token from outside.

What a person named (deployment, features, levels) is written as a literal of the language, so that
no name can become code.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Final

from jupyter_mlops.formats.signature import ordinary

if TYPE_CHECKING:
    from jupyter_mlops.serving.places import Place

TOKEN: Final = "MLOPS_TOKEN"  # noqa: S105  (the name of a variable)

_PYTHON: Final = """\
import json, os, urllib.request

request = urllib.request.Request(
    {url},
    data=json.dumps(json.loads({body})).encode(),
    headers={{
        "Authorization": "Bearer " + os.environ["{token}"],
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer)["predictions"])
"""
_CURL: Final = """\
curl --fail-with-body {url} \\
  -H "Authorization: Bearer ${token}" \\
  -H 'Content-Type: application/json' \\
  --data {body}
"""
_JAVASCRIPT: Final = """\
const answer = await fetch({url}, {{
  method: 'POST',
  headers: {{
    Authorization: `Bearer ${{process.env.{token}}}`,
    'Content-Type': 'application/json'
  }},
  body: {body}
}});
console.log((await answer.json()).predictions);
"""
_R: Final = """\
library(curl)
library(jsonlite)

request <- new_handle()
handle_setheaders(request,
  "Authorization" = paste("Bearer", Sys.getenv("{token}")),
  "Content-Type" = "application/json"
)
handle_setopt(request, copypostfields = {body})
answer <- curl_fetch_memory({url}, handle = request)
told <- fromJSON(rawToChar(answer$content))
if (answer$status_code != 200) stop(told$detail)
print(told$predictions)
"""


def samples(place: Place, base: str) -> list[dict[str, str]]:
    """Return a program for each language, as OpenAPI's ``x-codeSamples``; ``base`` is our address."""
    url = f"{base}/deployments/{place.deployment}/predictions"
    row = {feature["name"]: ordinary(feature) for feature in place.champion.loaded.features}
    body = json.dumps({"rows": [row]})
    # what JSON writes in ASCII is a literal of Python, JavaScript and R alike
    as_text = {"url": json.dumps(url), "body": json.dumps(body), "token": TOKEN}
    in_shell = {"url": shlex.quote(url), "body": shlex.quote(body), "token": TOKEN}
    return [
        {"lang": "Python", "source": _PYTHON.format(**as_text)},
        {"lang": "Shell", "label": "curl", "source": _CURL.format(**in_shell)},
        {"lang": "JavaScript", "source": _JAVASCRIPT.format(**as_text)},
        {"lang": "R", "source": _R.format(**as_text)},
    ]
