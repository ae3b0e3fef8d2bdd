"""Every page, tab and state that the tests walk over: a new one is a new line here."""

from __future__ import annotations

# By what a test calls it. Each is shown by the sample company as it stands.
ADDRESSES = {
    "scorecard": "/",
    "scorecard as one list": "/?view=list",
    "scorecard by month": "/?period=month",
    "scorecard of what needs attention": "/?show=attention",
    "scorecard of a week that is not over": "/?period=week-so-far",
    "scorecard of an earlier month": "/?period=month&at=2026-08",
    "page that is not there": "/nowhere",
    "metric": "/metric?m=uptime",
    "metric with marks": "/metric?m=customer_facing_incidents",
    "metric by quarter": "/metric?m=revenue&period=quarter",
    "metric without a row yet": "/metric?m=idea_to_first_use",
    "breakdown": "/metric?m=uptime&tab=breakdown",
    "breakdown of a sum": "/metric?m=revenue&tab=breakdown",
    "change that cannot be split": "/metric?m=time_to_restore&tab=breakdown&against=year",
    "weeks and months": "/metric?m=revenue&tab=weeks-and-months",
    "definition": "/metric?m=it_cost_per_order&tab=definition",
    "rows": "/metric?m=uptime&tab=rows",
    "metric that is not there": "/metric?m=uptimes",
    "moves with": "/metric?m=nps&tab=moves-with",
    "together": "/together",
    "together by month": "/together?m=change_failure_rate&with=revenue&period=month",
    "together after deployments": "/together?events=deployments",
    "vocabulary": "/vocabulary",
    "vocabulary without a hit": "/vocabulary?q=uptimme",
    "vocabulary without a hit on this side": "/vocabulary?q=availability&side=business",
    "vocabulary with an entry open": "/vocabulary?q=sla&open=uptime",
    "what changed": "/vocabulary?show=changes",
    "trial of an entry": "/vocabulary?try=uptime",
    "trial of what is missing": "/vocabulary?try=worth.business",
    "sources": "/sources",
    "sources that need attention": "/sources?show=attention",
}
# The same pages as a metric of any name opens them.
METRIC_TABS = ("over-time", "breakdown", "weeks-and-months", "moves-with", "definition", "rows")
# Where a page must hold: as large as it is drawn for, between, and in a hand.
SIZES = {"desktop": (1440, 900), "tablet": (834, 1112), "phone": (390, 844)}
