# SPDX-License-Identifier: GPL-3.0-or-later
"""What a company's people write about their contacts, for cli.sample only. In English, as their colleagues read it."""

from random import Random

LEAD_SOURCES = (
    "Advertisement", "Direct Mail", "Employee Referral", "External Referral", "Partner", "Public Relations", "Seminar",
    "Trade Show", "Trade Show", "E-mail Campaign", "Telemarketing", "Web", "Web", "Word-of-Mouth", "Other",
)  # fmt: skip
CATEGORIES = ("Key account", "Newsletter", "Christmas card", "Trade fair", "Supplier", "Press", "Partner")
PROFESSIONS = ("Engineer", "Lawyer", "Accountant", "Economist", "Architect", "Chemist", "Translator", "Designer")
NICKNAMES = {
    "James": "Jim", "Robert": "Bob", "Michael": "Mike", "William": "Bill", "Thomas": "Tom", "Charles": "Charlie",
    "Anthony": "Tony", "Andrew": "Andy", "Joshua": "Josh", "Susan": "Sue", "Jessica": "Jess", "Michelle": "Shelly",
    "Amanda": "Mandy", "Edward": "Ted", "Harriet": "Hattie", "Eleanor": "Nell", "Alistair": "Ali", "Katharina": "Kathi",
    "Sebastian": "Basti", "Małgorzata": "Gosia", "Krzysztof": "Krzysiek", "Giuseppe": "Beppe", "Concepción": "Concha",
    "José": "Pepe",
}  # fmt: skip

_OPENINGS = (
    "Met at the {fair} in {month}.",
    "Introduced by our partner in {month}.",
    "Called after the mailing about {topic}.",
    "Took over from a colleague in {month}.",
    "Asked for a quote on {topic}.",
    "Long-standing customer, interested in {topic}.",
    "Visited our office in {month} to see {topic}.",
)
_MANNERS = (
    "Best reached in the morning.",
    "Prefers e-mail to calls.",
    "Send invoices to accounting, not here.",
    "Speaks English and French.",
    "Out of office on Fridays.",
    "Decides on orders up to 10,000; above that the board does.",
    "Wants offers with delivery times, in writing.",
    "Do not call during the quarter's last week.",
    "Coffee, no sugar. Two dogs.",
    "Renewal is due at the end of {month}.",
)
_FAIRS = ("spring trade fair", "autumn trade fair", "supplier day", "industry dinner", "regional exhibition")
_TOPICS = ("spare parts", "the service contract", "the new catalogue", "bulk orders", "training", "the export line")
_MONTHS = ("January", "February", "March", "April", "May", "June", "September", "October", "November")


def note(rng: Random) -> str:
    """One to three sentences, each on a line of its own."""
    words = {"fair": rng.choice(_FAIRS), "topic": rng.choice(_TOPICS), "month": rng.choice(_MONTHS)}
    sentences = [rng.choice(_OPENINGS), *rng.sample(_MANNERS, rng.choice((0, 0, 1, 1, 2)))]
    return "\n".join(sentence.format(**words) for sentence in sentences)
