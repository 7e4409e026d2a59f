"""The pages in a real browser: each role signs in and does its work, at a phone's and a desktop's width."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from shared.events.plans import PlanningEnded, PlanningProgressed, PlanningStarted
from tests.portal.conftest import Running
from tests.portal.hubmade import Hub, told

WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}


@asynccontextmanager
async def signed_in(portal: Running, browser: Browser, role: str, organisation: str, width: str) -> AsyncIterator[Page]:
    """Open a page of somebody who has just signed in; fails on any error in the console, or a page wider than the screen."""
    email = f"{role}-{width}@{organisation.replace(':', '-')}.example.org"
    password = await portal.account(role, organisation, email)
    across, high = WIDTHS[width]
    context = await browser.new_context(viewport={"width": across, "height": high})
    page = await context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if _is_fault(message) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(portal.url)
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{portal.url}/{'hub' if role == 'coordinator' else role}")
    yield page
    assert errors == []
    await context.close()


def _is_fault(message: ConsoleMessage) -> bool:
    """Tell whether the console says that a page is broken; a form that answers 422 is one that needs a change."""
    return message.type in ("error", "warning") and "status of 422" not in message.text


_FAINT = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")].filter(e => {
    const box = e.getBoundingClientRect();
    if (box.width < 2 || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) return false;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const [a, b] = [light(numbers(style.color)), light(behind(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < (size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5);
  }).map(e => e.outerHTML.slice(0, 120));
}"""
"""Texts whose contrast is below that of WCAG 2.2, success criterion 1.4.3."""
_SMALL = """() => [...document.querySelectorAll("a, button, input, select, textarea, summary")].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width > 1 && Math.min(box.width, box.height) < 24 && getComputedStyle(e).display !== "inline";
}).map(e => e.outerHTML.slice(0, 120))"""
"""Targets smaller than 24 pixels (2.5.8); links inside a sentence may be."""
_REACHABLE = """() => {
  const one = e => e.type !== "radio" || e.checked
    || (!document.querySelector(`[name=${e.name}]:checked`) && e === document.querySelector(`[name=${e.name}]`));
  window.__wanted = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter(e => e.checkVisibility() && one(e));
  return window.__wanted.length;
}"""
"""What a person can use; of radio buttons that belong together one."""
_UNREACHED = "() => window.__wanted.filter(e => !window.__seen.has(e)).map(e => e.outerHTML.slice(0, 120))"
_FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  if (window.__wanted.includes(e)) window.__seen.add(e);
  return { body: e === document.body, seen: window.__seen.size, html: e.outerHTML.slice(0, 120),
    shown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 };
}"""


async def works_by_keyboard(page: Page) -> None:
    """Tab through the page: all that can be used is reached, once around, and where the focus is can be seen."""
    await page.evaluate("window.__seen = new Set()")
    reachable = await page.evaluate(_REACHABLE)
    seen = 0
    for _ in range(2 * reachable + 10):  # it begins wherever the focus was, and goes around
        await page.keyboard.press("Tab")
        focused = await page.evaluate(_FOCUSED)
        assert focused["body"] or focused["shown"], f"the focus can't be seen on {focused['html']}"
        seen = focused["seen"]
        if seen == reachable:
            return
    raise AssertionError(f"{seen} of {reachable} can be reached by keyboard: not {await page.evaluate(_UNREACHED)}")


async def looks_right(page: Page, name: str, folder: Path) -> None:
    """Take a picture, and check what can be checked without eyes.

    No sideways scrolling, a label for every field, contrast, the size of what is to be hit, all by keyboard.
    """
    await page.screenshot(path=folder / f"{name}.png", full_page=True)
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} scrolls sideways by {wide} px"
    unnamed = await page.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(e => !e.labels.length).map(e => e.outerHTML)"
    )
    assert unnamed == []
    assert await page.locator("h1").count() == 1
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert await page.evaluate(_FAINT) == []
    assert await page.evaluate(_SMALL) == []
    await works_by_keyboard(page)


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_coordinator_reviews_and_publishes(
    portal: Running, hub: Hub, browser: Browser, tmp_path: Path, width: str
) -> None:
    async with signed_in(portal, browser, "coordinator", f"hub:{hub.hub}", width) as page:
        await expect(page.get_by_text("112 of 168 students meet an employer")).to_be_visible()
        await expect(page.get_by_text("At most 140 could be covered (anyone can recount it)")).to_be_visible()
        await expect(page.get_by_text("can only be seen on Tuesdays").first).to_be_visible()
        await expect(page.get_by_role("heading", name="56 students: they compete with other groups")).to_be_visible()
        await looks_right(page, f"hub-{width}", tmp_path)

        await page.get_by_label("Employer or school").fill("seaview")
        await page.get_by_role("button", name="Filter").click()
        await expect(page.get_by_text("2 sessions", exact=True)).to_be_visible()
        await page.get_by_role("link", name="Tue 2 Mar 2027").first.click()
        await looks_right(page, f"session-{width}", tmp_path)
        await page.get_by_label("Not this match").check()
        await page.get_by_label("Reason").fill("They met in autumn")
        await page.get_by_role("button", name="Return this session").click()
        await expect(page.get_by_text("1 session returned.")).to_be_visible()

        await page.get_by_role("button", name="Approve all 3 still to decide").click()
        await page.get_by_role("button", name="Publish 3 sessions").click()
        await expect(page.get_by_text("3 sessions published.")).to_be_visible()
        await looks_right(page, f"published-{width}", tmp_path)
        await page.get_by_role("link", name="Who decided what").click()
        approved = (
            page.get_by_role("row").filter(has_text="Approved") if width == "desktop" else page.locator("tr").nth(2)
        )
        await expect(approved).to_contain_text(f"coordinator-{width}@hub-{hub.hub}.example.org")
        await expect(approved.get_by_role("link")).to_have_count(3)
        await expect(page.get_by_text("Not this match: They met in autumn")).to_be_visible()
        await looks_right(page, f"decisions-{width}", tmp_path)


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_coordinator_sees_that_a_bound_was_found_by_search(
    portal: Running, hub: Hub, browser: Browser, tmp_path: Path, width: str
) -> None:
    await portal.keep(*hub.timetable(version=2, method="search", certified_bound=150))
    async with signed_in(portal, browser, "coordinator", f"hub:{hub.hub}", width) as page:
        how = "At most 140 could be covered (found by search; anyone can recount at most 150)"
        await expect(page.get_by_text(how)).to_be_visible()
        await looks_right(page, f"searched-{width}", tmp_path)


async def test_planning_is_seen_live(portal: Running, hub: Hub, browser: Browser, tmp_path: Path) -> None:
    async with signed_in(portal, browser, "coordinator", f"hub:{hub.hub}", "desktop") as page:
        await page.get_by_label("Seconds").fill("30")
        await page.get_by_role("button", name="Plan again").click()
        await expect(page.get_by_text("Waiting for a worker")).to_be_visible()
        async with portal.database.transaction() as session:
            connection = await session.connection()
            rows = await connection.exec_driver_sql("SELECT job FROM planning_runs ORDER BY began_at DESC LIMIT 1")
            job: str = rows.scalar_one()
        start = PlanningStarted(hub=hub.hub, job=job, why="asked for", students=168, groups=6, offers=2, seconds=30)
        further = PlanningProgressed(hub=hub.hub, job=job, phase="search", covered=84, bound=140, seconds=4)
        await portal.keep(told(start), told(further))
        await expect(page.get_by_text("84 students covered so far")).to_be_visible()
        await looks_right(page, "planning-desktop", tmp_path)
        await portal.keep(told(PlanningEnded(hub=hub.hub, job=job, outcome="unchanged")))
        await expect(page.get_by_text("Nothing better was found")).to_be_visible()
        await expect(page.get_by_role("button", name="Plan again")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
async def test_an_employer_offers_sessions(
    portal: Running, hub: Hub, browser: Browser, tmp_path: Path, width: str
) -> None:
    employer = hub.employers[0]
    await portal.keep(hub.confirmed(0, "A", "employer"), hub.confirmed(0, "B", "employer"))
    async with signed_in(portal, browser, "employer", f"employer:{employer}", width) as page:
        await expect(page.get_by_text("Seaview Academy").first).to_be_visible()
        await looks_right(page, f"employer-{width}", tmp_path)
        await page.get_by_role("link", name="Offer sessions").first.click()
        await page.get_by_role("button", name="Offer these sessions").click()
        await expect(page.get_by_role("alert")).to_contain_text("Kind is not chosen")
        await looks_right(page, f"offer-{width}", tmp_path)
        await page.get_by_label("Hub").select_option(hub.hub)
        await page.get_by_label("In school").check()
        await page.get_by_label("Day").fill("2027-03-02")
        await page.get_by_label("From").fill("09:00")
        await page.get_by_label("Until", exact=True).fill("12:00")
        await page.get_by_label("Every week until").fill("2027-03-31")
        await page.get_by_role("button", name="Offer these sessions").click()
        await expect(page.get_by_text("Being checked", exact=True)).to_be_visible()
        await looks_right(page, f"submission-{width}", tmp_path)
        await page.get_by_role("link", name="My encounters").click()
        await page.get_by_role("button", name="Take back").first.click()
        await expect(page.get_by_role("heading", name="Availability taken back")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_school_sees_its_coverage_and_sends_a_file(
    portal: Running, hub: Hub, browser: Browser, tmp_path: Path, width: str
) -> None:
    school = hub.schools[0]
    await portal.keep(hub.confirmed(0, "A"))
    async with signed_in(portal, browser, "school", f"school:{school}", width) as page:
        await expect(page.get_by_text("28 of 84 students have a confirmed encounter")).to_be_visible()
        row = (
            page.get_by_role("row").filter(has_text=hub.group(0, "C"))
            if width == "desktop"
            else page.locator("tr").nth(1)
        )
        await expect(row).to_contain_text("Still needed")
        await expect(row).to_contain_text("can only be seen on Tuesdays")
        await looks_right(page, f"school-{width}", tmp_path)
        await page.get_by_role("link", name="Send a file", exact=True).click()
        await looks_right(page, f"files-{width}", tmp_path)
        content = f"group,year,size,calendars\n{school}-9D,9,28,tutor\n{school}-9E,nine,28,tutor\n".encode()
        await page.get_by_label("File").set_input_files(
            {"name": "groups.csv", "mimeType": "text/csv", "buffer": content}
        )
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_text("must be a whole number")).to_be_visible()
        await looks_right(page, f"file-{width}", tmp_path)


async def test_the_sign_in_page_works_by_keyboard_alone_and_tells_faults(
    portal: Running, browser: Browser, tmp_path: Path
) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(portal.url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("nobody@example.org")
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page).to_have_title("Error: Sign in – Seven Encounters")
    await looks_right(page, "sign-in-phone", tmp_path)
    await context.close()
