# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample data for countries that write in Latin letters. For cli.sample only.

Telephone numbers lie in the ranges that a country's regulator keeps free for fiction, where it publishes one (United
States, United Kingdom, Germany, France, Sweden). The further patterns, for when those run out, and those of the other
countries have zeros or prefixes that are, as far as we know, not in service.
"""

from radicale_bcm.cli.sample_country import Country

COUNTRIES = (
    Country(
        "United States",
        6,
        women="Mary Linda Susan Jessica Karen Nancy Ashley Emily Michelle Amanda Melissa Laura Rachel Diane Brenda",
        men="James Robert Michael William David Thomas Charles Daniel Anthony Mark Steven Andrew Joshua Kevin Brian",
        families="Smith Johnson Brown Davis Miller Wilson Moore Taylor Anderson Jackson White Harris Thompson Garcia"
        " Martinez Robinson Clark Rodriguez Lewis Walker Hall Young Nguyen Wright O'Connor McAllister Castellanos",
        places="""
            Redmond; WA; 98052; +1 (425) 555-01##; +1 (425) 055-####
            Portland; OR; 97205; +1 (503) 555-01##; +1 (503) 055-####
            Chicago; IL; 60611; +1 (312) 555-01##; +1 (312) 055-####
            Austin; TX; 78701; +1 (512) 555-01##; +1 (512) 055-####
            Boston; MA; 02110; +1 (617) 555-01##; +1 (617) 055-####
            Denver; CO; 80202; +1 (303) 555-01##; +1 (303) 055-####
            Atlanta; GA; 30303; +1 (404) 555-01##; +1 (404) 055-####
            New York; NY; 10018; +1 (212) 555-01##; +1 (212) 055-####
        """,
        streets="Main Street;Oak Avenue;Maple Drive;Market Street;Lincoln Boulevard;Lakeview Road;Cedar Lane",
        street="{number}{n} {street}",
        mobiles="+1 (206) 555-01##;+1 (360) 555-01##;+1 (415) 555-01##;+1 (720) 555-01##;+1 (415) 055-####",
        jobs="""
            Purchasing: Purchasing Manager
            Sales: Account Executive
            Sales: Regional Sales Manager
            Finance: Controller
            Finance: Accounts Payable Specialist
            Operations: Operations Director
            Marketing: Marketing Coordinator
            IT: Systems Administrator
            Legal: General Counsel
            Facilities: Facilities Manager
        """,
        trades="Logistics Robotics Outfitters Foods Paper Hardware Software Consulting Optics Packaging Roofing",
        firms="""
            {family} {trade}, Inc.
            {family} & {family2} {trade} LLC
            {city} {trade} Co.
            {family} Brothers {trade}
        """,
        known="""
            Contoso, Ltd.=contoso
            Fabrikam, Inc.=fabrikam
            Northwind Traders=northwind
            Adventure Works Cycles=adventure-works
            Tailspin Toys=tailspin-toys
            Wide World Importers=wide-world-importers
            Fourth Coffee=fourth-coffee
            Woodgrove Bank=woodgrove-bank
            City Power & Light=city-power-light
        """,
    ),
    Country(
        "United Kingdom",
        3,
        women="Olivia Charlotte Amelia Fiona Gemma Hannah Siân Niamh Harriet Rosalind Bethan Priya Eleanor Imogen",
        men="Oliver George Harry Alistair Callum Rhys Graham Nigel Edward Stuart Gareth Hamish Imran Rupert",
        families="Jones Williams Evans Davies Roberts Hughes Campbell Stewart MacDonald Patel Khan Ashworth Whitfield"
        " Pemberton Cartwright Llewellyn Fairbairn Hargreaves Begum Okonkwo",
        places="""
            London; ; EC2V 7HH; +44 20 7946 0###; +44 20 0### ####
            Manchester; ; M2 5DB; +44 161 496 0###; +44 161 0## ####
            Edinburgh; ; EH2 4AD; +44 131 496 0###; +44 131 0## ####
            Cardiff; ; CF10 1EP; +44 29 2018 0###; +44 29 0### ####
            Leeds; ; LS1 4DY; +44 113 496 0###; +44 113 0## ####
        """,
        streets="High Street;Station Road;Church Lane;Victoria Street;Queen's Road;Mill Lane;Kingsway;Albert Square",
        street="{n} {street}",
        mobiles="+44 7700 900###",
        jobs="""
            Procurement: Head of Procurement
            Sales: Key Account Manager
            Finance: Finance Director
            Human Resources: HR Business Partner
            Estates: Facilities Officer
            Operations: Managing Director
            IT: Infrastructure Engineer
            Marketing: Communications Manager
        """,
        trades="Joinery Textiles Shipping Ceramics Breweries Instruments Bakeries Surveyors Electronics Publishing",
        firms="""
            {family} {trade} Ltd
            {family} & {family2} {trade}
            {family} & Sons {trade} plc
            {city} {trade} Ltd
        """,
        known="Litware Ltd=litware\nProseware plc=proseware",
    ),
    Country(
        "Germany",
        4,
        looks=(0, 10),
        women="Anna Julia Katharina Sabine Petra Heike Lena Annegret Franziska Ulrike Birgit Lieselotte Anne-Marie",
        men="Jürgen Klaus Stefan Björn Uwe Matthias Sebastian Günther Jörg Torsten Felix Karl-Heinz Andreas Moritz",
        families="Müller Schmidt Weber Fischer Schröder Köhler Böhm Krüger Großmann Weiß Jäger Hübner Löffler Vogt"
        " Winkler Zimmermann Strauß von_der_Heide Kaminski Yılmaz",
        places="""
            Berlin; ; 10117; +49 30 23125 ###; +49 30 0### ####
            Hamburg; ; 20095; +49 40 66969 ###; +49 40 0### ####
            Köln; ; 50667; +49 221 4710 ###; +49 221 0## ####
            München; Bayern; 80331; +49 89 99998 ###; +49 89 0### ####
            Frankfurt am Main; Hessen; 60311; +49 69 90009 ###; +49 69 0### ####
        """,
        streets="Hauptstraße;Bahnhofstraße;Goethestraße;Lindenallee;Am Mühlenweg;Schloßplatz;Königstraße",
        street="{street} {n}",
        mobiles="+49 171 39200##;+49 176 040690##;+49 171 0######",
        jobs="""
            Einkauf: Leiter Einkauf / Leiterin Einkauf
            Vertrieb: Vertriebsleiter / Vertriebsleiterin
            Vertrieb: Kundenberater / Kundenberaterin
            Buchhaltung: Buchhalter / Buchhalterin
            Geschäftsleitung: Geschäftsführer / Geschäftsführerin
            Technik: Konstrukteur / Konstrukteurin
            IT: Systemadministrator / Systemadministratorin
            Personal: Personalreferent / Personalreferentin
        """,
        trades="Maschinenbau Feinmechanik Großhandel Spedition Werkzeuge Möbel Elektrotechnik Brauerei Druck Gartenbau",
        firms="""
            {family} {trade} GmbH
            {family} & Söhne {trade} KG
            {family} + {family2} {trade} GmbH & Co. KG
            {trade} {city} AG
        """,
        umlauts=True,
    ),
    Country(
        "France",
        3,
        women="Amélie Chloé Élodie Françoise Geneviève Hélène Inès Margaux Noémie Océane Pénélope Zoé Anne-Laure",
        men="François Jérôme Étienne Benoît Cédric Loïc Mathieu Rémi Sébastien Thibault Jean-Pierre Gaël Aurélien",
        families="Martin Lefèvre Dubois Moreau Lefebvre Garnier Bélanger Chevalier Gauthier Rousseau Mercier Le_Goff"
        " d'Arcy Fontaine Béranger Delacroix Benali Traoré",
        places="""
            Paris; ; 75009; +33 1 99 00 ## ##; +33 1 00 ## ## ##
            Rennes; ; 35000; +33 2 61 91 ## ##; +33 2 00 ## ## ##
            Strasbourg; ; 67000; +33 3 53 01 ## ##; +33 3 00 ## ## ##
            Lyon; ; 69002; +33 4 65 71 ## ##; +33 4 00 ## ## ##
            Bordeaux; ; 33000; +33 5 36 49 ## ##; +33 5 00 ## ## ##
        """,
        streets="rue de la République;avenue Victor-Hugo;rue des Lilas;boulevard Saint-Michel;place du Marché;quai Sud",
        street="{n}, {street}",
        mobiles="+33 6 39 98 ## ##",
        jobs="""
            Achats: Responsable des achats
            Commercial: Directeur commercial / Directrice commerciale
            Commercial: Chargé de clientèle / Chargée de clientèle
            Comptabilité: Comptable
            Direction: Gérant / Gérante
            Informatique: Ingénieur systèmes / Ingénieure systèmes
            Communication: Chargé de communication / Chargée de communication
        """,
        trades="Boulangerie Transports Imprimerie Électricité Vignobles Menuiserie Optique Papeterie Conseil",
        firms="""
            {trade} {family} SARL
            {family} & Fils {trade}
            {trade} {family}-{family2} SAS
            {trade} de {city} SA
        """,
    ),
    Country(
        "Sweden",
        2,
        looks=(0, 8),
        women="Åsa Astrid Birgitta Elin Frida Gunilla Ingrid Kerstin Linnéa Maja Sigrid Ylva Märta Saga",
        men="Anders Björn Göran Håkan Lars Mårten Nils Östen Per Sven Åke Erik Gustav Jöns",
        families="Andersson Lindström Sjöberg Åkesson Öberg Bergström Nyström Håkansson Ekström Björklund Holmgren"
        " Söderlund Wikström Lundqvist Ångström Strömberg",
        places="""
            Stockholm; ; 111 22; +46 8 465 004 ##; +46 8 0## ### ##
            Göteborg; ; 411 03; +46 31 390 06 ##; +46 31 0## ## ##
            Malmö; ; 211 20; +46 40 628 04 ##; +46 40 0## ## ##
        """,
        streets="Drottninggatan;Storgatan;Kungsgatan;Björkvägen;Västra Hamngatan;Skeppsbron;Ängsvägen",
        street="{street} {n}",
        mobiles=";".join(f"+46 70 174 06 {tens}#" for tens in range(1, 10)),
        jobs="""
            Inköp: Inköpschef
            Försäljning: Säljare
            Försäljning: Försäljningschef
            Ekonomi: Ekonomiansvarig
            Ledning: Verkställande direktör
            Teknik: Civilingenjör
        """,
        trades="Möbler Skog Verktyg Båtar Bygg Förpackning Åkeri Mejeri Glas Teknik",
        firms="""
            {family} {trade} AB
            {family} Bröder {trade} AB
            {family} & {family2} {trade} AB
            {city} {trade} AB
        """,
    ),
    Country(
        "Spain",
        2,
        looks=(2, 11),
        women="Lucía María_José Begoña Concepción Inés Rocío Mónica Ángela Belén Noemí Itziar Sofía",
        men="José Álvaro Iñaki Jesús Óscar Raúl Andrés Joaquín Ramón Íñigo Tomás Víctor",
        families="García_López Fernández_Ruiz Núñez_Ortega Muñoz_Peña Ibáñez_Gil Jiménez_Vidal Martínez_Soler"
        " Sánchez_Castaño Álvarez_Rey Gómez_Núñez Etxeberria_Arana Domènech_Puig",
        places="""
            Madrid; Madrid; 28013; +34 910 0## ###
            Barcelona; Barcelona; 08002; +34 930 0## ###
            A Coruña; A Coruña; 15001; +34 981 0## ###
            Sevilla; Sevilla; 41001; +34 950 0## ###
        """,
        streets="Calle Mayor;Avenida de la Constitución;Calle del Peñón;Plaza de España;Calle San José;Rúa Nova",
        street="{street}, {n}",
        mobiles="+34 590 0## ###",
        jobs="""
            Compras: Jefe de compras / Jefa de compras
            Ventas: Director comercial / Directora comercial
            Administración: Contable
            Dirección: Gerente
            Informática: Técnico de sistemas / Técnica de sistemas
        """,
        trades="Cerámicas Aceites Construcciones Diseño Electrónica Frutas Muebles Conservas Viñedos",
        firms="""
            {trade} {family}, S.L.
            {family} y {family2} {trade}, S.A.
            {trade} Hermanos {family}, S.A.
            {trade} de {city}, S.L.
        """,
    ),
    Country(
        "Italy",
        2,
        looks=(2, 11),
        women="Giulia Chiara Francesca Beatrice Alessia Elisabetta Ornella Noemi Ludovica",
        men="Niccolò Andrea Giuseppe Matteo Lorenzo Nicolò Riccardo Cesare Emanuele Salvatore",
        families="Rossi Ferrari Esposito Bianchi Colombo Ricci Marchetti D'Angelo De_Luca Cantù Lombardi Morabito",
        places="""
            Milano; MI; 20121; +39 02 000# ####
            Roma; RM; 00187; +39 06 000# ####
            Forlì; FC; 47121; +39 0543 00####
            Torino; TO; 10121; +39 011 000 ####
        """,
        streets="Via Roma;Corso Garibaldi;Via dell'Università;Piazza della Libertà;Via Dante;Viale Europa",
        street="{street} {n}",
        mobiles="+39 300 00# ####",
        jobs="""
            Acquisti: Responsabile acquisti
            Vendite: Direttore vendite / Direttrice vendite
            Amministrazione: Ragioniere / Ragioniera
            Direzione: Amministratore delegato / Amministratrice delegata
            Qualità: Responsabile qualità
        """,
        trades="Ceramiche Caffè Tessuti Meccanica Arredamenti Cantine Calzature Ottica",
        firms="""
            {trade} {family} S.r.l.
            {trade} {family} & {family2} S.r.l.
            Fratelli {family} {trade} S.p.A.
            {trade} di {city} S.r.l.
        """,
    ),
    Country(
        "Poland",
        2,
        looks=(0, 8),
        women="Agnieszka Małgorzata Zofia Łucja Bożena Elżbieta Grażyna Joanna Michalina Żaneta",
        men="Paweł Krzysztof Łukasz Stanisław Michał Wojciech Rafał Grzegorz Zbigniew Sławomir",
        families="Kowalski/Kowalska Wiśniewski/Wiśniewska Dąbrowski/Dąbrowska Zieliński/Zielińska Nowak Wójcik"
        " Kamiński/Kamińska Żukowski/Żukowska Król Gołąb Święcicki/Święcicka Szczepański/Szczepańska",
        places="""
            Warszawa; ; 00-001; +48 22 000 ## ##
            Kraków; ; 31-007; +48 12 000 ## ##
            Łódź; ; 90-001; +48 42 000 ## ##
            Gdańsk; ; 80-831; +48 58 000 ## ##
        """,
        streets="ul. Długa;ul. Świętojańska;al. Niepodległości;ul. Mickiewicza;ul. Źródlana;pl. Wolności",
        street="{street} {n}",
        mobiles="+48 400 0## ###",
        jobs="""
            Zakupy: Kierownik działu zakupów / Kierowniczka działu zakupów
            Sprzedaż: Przedstawiciel handlowy / Przedstawicielka handlowa
            Księgowość: Główny księgowy / Główna księgowa
            Zarząd: Prezes zarządu / Prezeska zarządu
            IT: Administrator systemów / Administratorka systemów
        """,
        trades="Meble Transport Drukarnia Piekarnia Elektronika Szkło Narzędzia Ogrody",
        firms="""
            {trade} {family} Sp. z o.o.
            {family}, {family2} {trade} Sp. j.
            {family} i Spółka {trade}
            {trade} {city} S.A.
        """,
    ),
    Country(
        "Czechia",
        1,
        looks=(0, 8),
        women="Alžběta Božena Jiřina Kateřina Markéta Růžena Tereza Zdeňka Hedvika",
        men="Jiří Ondřej Tomáš Zdeněk Vojtěch Luboš Přemysl Radek Štěpán",
        families="Novák/Nováková Dvořák/Dvořáková Černý/Černá Procházka/Procházková Kučera/Kučerová Veselý/Veselá"
        " Šťastný/Šťastná Říha/Říhová Žák/Žáková Hájek/Hájková",
        places="""
            Praha; ; 110 00; +420 200 0## ###
            Brno; ; 602 00; +420 500 0## ###
            Plzeň; ; 301 00; +420 370 0## ###
        """,
        streets="Nádražní;Masarykova třída;Školní;Na Příkopě;U Řeky;Žižkova",
        street="{street} {n}",
        mobiles="+420 600 0## ###",
        jobs="""
            Nákup: Vedoucí nákupu
            Obchod: Obchodní zástupce / Obchodní zástupkyně
            Účtárna: Účetní
            Vedení: Jednatel / Jednatelka
        """,
        trades="Sklo Nábytek Strojírna Pivovar Tiskárna Hračky Nářadí",
        firms="""
            {trade} {family} s.r.o.
            {trade} {family} & {family2} s.r.o.
            {trade} {city} a.s.
            {family} a syn {trade}
        """,
    ),
    Country(
        "Brazil",
        2,
        women="Ana_Luíza Beatriz Conceição Fátima Íris Jussara Letícia Mônica Natália Thaís",
        men="João André Antônio César Fábio José_Luís Luís Otávio Sérgio Vinícius",
        families="Silva_Araújo Gonçalves Conceição Assunção Magalhães Simões_Corrêa Guimarães Brandão Falcão Nakamura"
        " Müller_Reis Leão",
        places="""
            São Paulo; SP; 01310-100; +55 11 00##-####
            Brasília; DF; 70040-010; +55 61 00##-####
            Florianópolis; SC; 88010-400; +55 48 00##-####
            Belém; PA; 66010-000; +55 91 00##-####
        """,
        streets="Avenida Paulista;Rua das Acácias;Praça da Sé;Rua São Sebastião;Avenida Goiás;Travessa do Comércio",
        street="{street}, {n}",
        mobiles="+55 11 90000-####;+55 61 90000-####;+55 48 90000-####",
        jobs="""
            Compras: Gerente de compras
            Vendas: Representante comercial
            Financeiro: Diretor financeiro / Diretora financeira
            Operações: Coordenador de operações / Coordenadora de operações
            Jurídico: Advogado / Advogada
        """,
        trades="Café Construções Calçados Informática Alimentação Móveis Confecções Mineração",
        firms="""
            {trade} {family} Ltda.
            {family} & {family2} {trade} Ltda.
            {family} & Irmãos {trade} S.A.
            {trade} de {city} Ltda.
        """,
    ),
    Country(
        "Türkiye",
        1,
        looks=(2, 11),
        women="Ayşe Çiğdem Gülşen İpek Özlem Şebnem Ümran Zeynep Tuğba",
        men="Çağlar Gökhan İbrahim Oğuz Ömer Şükrü Tuğrul Ümit Yiğit",
        families="Yılmaz Çelik Şahin Öztürk Aydın Güneş Kılıç Doğan Işık Çakır",
        places="""
            İstanbul; ; 34433; +90 212 000 ## ##
            İzmir; ; 35210; +90 232 000 ## ##
            Muğla; ; 48000; +90 252 000 ## ##
        """,
        streets="İstiklal Caddesi;Atatürk Bulvarı;Çınar Sokak;Gül Sokağı;Barış Caddesi",
        street="{street} No: {n}",
        mobiles="+90 500 0## ## ##",
        jobs="""
            Satın Alma: Satın Alma Müdürü
            Satış: Satış Temsilcisi
            Muhasebe: Muhasebe Uzmanı
            Yönetim: Genel Müdür
        """,
        trades="Tekstil Gıda İnşaat Lojistik Mobilya Turizm Kırtasiye",
        firms="""
            {family} {trade} A.Ş.
            {family} ve {family2} {trade} A.Ş.
            {family} Kardeşler {trade} Ltd. Şti.
            {city} {trade} A.Ş.
        """,
    ),
)
