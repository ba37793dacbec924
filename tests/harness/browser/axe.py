"""What axe-core, a checker of accessibility, finds on a page."""

from harness.browser.chromium import Page
from harness.hints.generators import installed

#: Motion is over before it looks: colours in between would count.
_LOOK = """(async () => {
  await Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})));
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const places = (nodes) => nodes.map((one) => one.target).join("; ");
  return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${places(nodes)}`);
})()"""


async def findings(page: Page) -> list[str]:
    """Return what axe finds wrong on the page that is shown, of every impact."""
    if not await page.run("'axe' in window"):
        await page.run(installed("node/node_modules/axe-core/axe.min.js").read_text() + ";1")
    found: list[str] = await page.run(_LOOK)
    return found
