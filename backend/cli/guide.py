"""What `tongyu dev` prints once everything runs: where to look and what to try."""

from backend.core.settings import Settings


def guide(settings: Settings, sandbox_port: int, seconds: float) -> str:
    """A few lines for a newcomer."""
    api = f"http://{settings.host}:{settings.port}"
    sandbox = f"http://{settings.host}:{sandbox_port}"
    return f"""
[bold green]一码通域 runs[/] (ready after {seconds:.1f} s). Ctrl-C ends everything.

  API      {api}/graphql          the residents' and verifiers' schema
           {api}/readyz           {api}/metrics
  Codes    {api}/.well-known/one-code/trust-list
  Sandbox  {sandbox}/_admin/sms/outbox?mobile=13800000000   text messages that were sent
  Logs     {settings.data_dir / "logs"}

Try, in another terminal:
  the walk in README.md: register → code → scan → who scanned me → replay refused
  [bold].venv/bin/tongyu doctor[/]          what is configured, reachable, missing
  [bold].venv/bin/tongyu staff list[/]      the demo desk that may scan
  [bold].venv/bin/tongyu audit verify[/]    prove that no audit entry was touched
"""
