"""The sources: how fresh each is, what it brought, what it could not bring, and what to do."""

from kpi.rejected import drifts, rejections
from pages.parts import export_menu, exports, frame, rejected_rows
from pages.parts.source_list import by_need, counted, source_list, wanting

edition = frame.edition()
now = frame.now()
formats = edition.vocabulary.formats

with frame.head("Sources"):
    show = frame.choice("show", "Filter", {"all": "All", "attention": "Needs attention"})
    export_menu.draw(edition, exports.of_sources(edition, now, show))

reports = by_need(edition.reports, now)
shown = reports if show == "all" else wanting(reports, now)
frame.about(edition, counted(formats, reports, now, sum(r.rejected_7d for r in reports)))
if not reports:
    frame.state(
        "No source yet",
        "sources.yaml names none. Declare where your numbers come from, then refresh.",
        command="python -m kpi refresh",
    )
elif shown:
    frame.sheet("sources", source_list(edition, shown, now))
else:
    everything = frame.link("sources", "Show all")
    frame.sheet(
        "sources",
        '<div class="nothing"><h2>Nothing needs attention</h2><p>Every source is as fresh as it '
        f"promises, and no row was rejected in seven days. {everything}</p></div>",
    )
rejected_rows.show_rejections(edition, rejections(edition), now)
frame.sheet("drift", rejected_rows.drift_list(drifts(edition), formats, now))
