# SPDX-License-Identifier: GPL-3.0-or-later
"""Short forms of given names: Bob is Robert. Imported by likeness only."""

_SHORT = """
    alexander: alex sascha sandy xander; alexandra: alex sandra; andreas: andy andi; andrew: andy drew; anthony: tony
    antonio: toni tony; barbara: barb babs; benjamin: ben benny; catherine: kate cathy; charles: charlie chuck
    christian: chris; christina: chris tina; christine: chris tina; christopher: chris; daniel: dan danny; david: dave
    deborah: debbie deb; edward: ed eddie ted; elisabeth: lisa elli sissi; elizabeth: liz beth betty lisa
    friedrich: fritz; giuseppe: beppe pino; gregory: greg; heinrich: heinz; jacob: jake; james: jim jimmy
    jennifer: jen jenny; johannes: hans hannes; john: johnny jack; jonathan: jon; jose: pepe; joseph: joe
    josef: sepp jo
    joshua: josh; katharina: kathi kati; katherine: kate kathy; kenneth: ken; lawrence: larry
    margaret: maggie peggy meg; maria: mary; matthew: matt; matthias: matze hias; maximilian: max
    michael: mike mick michi; nicholas: nick nico; nicolas: nick nico; nikolaus: nick niko klaus; pamela: pam
    patricia: pat patty; patrick: pat; peter: pete; philip: phil; rebecca: becky; richard: rick dick rich
    robert: bob rob bobby; ronald: ron; samuel: sam; stefanie: steffi; stephanie: steffi steph; stephen: steve
    steven: steve; susan: sue susie; theodor: theo; theresa: resi terry; thomas: tom tommy; timothy: tim; ulrich: uli
    victoria: vicky; william: bill will billy; wolfgang: wolf; zachary: zach
"""
_FORMS = {
    long.strip(): frozenset(short.split())
    for long, _, short in (each.partition(":") for each in _SHORT.replace("\n", ";").split(";") if each.strip())
}


def is_short_form(one: str, other: str) -> bool:
    """Whether one of two names, in small letters, is a short form of the other."""
    return one in _FORMS.get(other, ()) or other in _FORMS.get(one, ())
