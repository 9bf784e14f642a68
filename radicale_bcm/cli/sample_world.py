# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample data for countries with other scripts: Cyrillic, Greek, Arabic, Hebrew, Chinese, Japanese, Korean, Hindi,
and Vietnamese, whose Latin letters carry two marks. For cli.sample only; about telephone numbers see cli.sample_west.
"""

from radicale_bcm.cli.sample_country import Country

COUNTRIES = (
    Country(
        "Ukraine",
        2,
        looks=(0, 8),
        women="Олена Наталія Катерина Оксана Світлана Юлія Ірина Людмила Соломія Мар’яна=mariana",
        men="Олександр Андрій Тарас Богдан Юрій Сергій Володимир Микола Євген Остап",
        families="Шевченко Коваленко Бондаренко Ткачук Кравець Мельник Лисенко Гончаренко Савчук Яворський/Яворська"
        " Зеленко Цимбалюк",
        places="""
            Київ; ; 01001; +380 44 000 ## ##
            Львів; ; 79000; +380 32 000 ## ##
            Одеса; ; 65000; +380 48 000 ## ##
            Харків; ; 61000; +380 57 000 ## ##
        """,
        streets="вул. Хрещатик;вул. Шевченка;просп. Свободи;вул. Лесі Українки;вул. Садова;пл. Ринок",
        street="{street}, {n}",
        mobiles="+380 60 00# ## ##",
        jobs="""
            Відділ закупівель: Менеджер із закупівель / Менеджерка із закупівель
            Відділ продажу: Керівник відділу продажу / Керівниця відділу продажу
            Бухгалтерія: Головний бухгалтер / Головна бухгалтерка
            Дирекція: Директор / Директорка
        """,
        trades="Технології Будівництво Меблі Логістика Друкарня Електроніка Млин",
        firms="""
            ТОВ «{family} {trade}»
            ТОВ «{family}, {family2} і партнери: {trade}»
            ТОВ «{trade} {city}»
            ПП «{trade} {family} і сини»
        """,
    ),
    Country(
        "Bulgaria",
        1,
        looks=(2, 10),
        women="Мария Елена Десислава Ивана Калина Надежда Радка Силвия Цветана=tsvetana",
        men="Георги Димитър Иван Кирил Любомир Николай Петър Стоян Христо",
        families="Иванов/Иванова Петров/Петрова Димитров/Димитрова Стоянов/Стоянова Николов/Николова Ангелов/Ангелова"
        " Христов/Христова Златев/Златева Борисов/Борисова",
        places="""
            София; ; 1000; +359 2 000 ####
            Пловдив; ; 4000; +359 32 00 ####
            Варна; ; 9000; +359 52 00 ####
        """,
        streets="бул. Витоша;ул. Шипка;ул. Цар Освободител;ул. Роза;бул. Дунав",
        street="{street} {n}",
        mobiles="+359 85 000 ####",
        jobs="""
            Доставки: Ръководител доставки
            Продажби: Търговски представител
            Счетоводство: Главен счетоводител
            Управление: Управител
        """,
        trades="Техника Текстил Строител Транспорт Печат Вино Мебели",
        firms="""
            {family} {trade} ООД
            {family} и {family2} {trade} ООД
            {trade} {city} АД
            {family} и синове {trade} ЕООД
        """,
    ),
    Country(
        "Greece",
        2,
        looks=(2, 11),
        women="Αικατερίνη=katerina Ελένη Γεωργία=georgia Δέσποινα=despina Ειρήνη=irini Μαρία Σοφία Χρυσούλα=chrysoula",
        men="Δημήτρης=dimitris Γιώργος=giorgos Κωνσταντίνος=konstantinos Νίκος Παναγιώτης Σπύρος=spyros Θανάσης"
        " Ευάγγελος=evangelos",
        families="Παπαδόπουλος/Παπαδοπούλου Νικολάου Γεωργίου Οικονόμου Αντωνίου Καραγιάννης=karagiannis/Καραγιάννη"
        " Αλεξίου Βασιλείου Δημητριάδης/Δημητριάδου Σταυρίδης/Σταυρίδου",
        places="""
            Αθήνα; ; 105 57; +30 210 000 ####
            Θεσσαλονίκη; ; 546 24; +30 2310 00####
            Πάτρα; ; 262 21; +30 2610 00####
        """,
        streets="Ερμού;Πανεπιστημίου;Τσιμισκή;Αγίου Ανδρέου;Βασιλίσσης Όλγας;Πλατεία Αριστοτέλους",
        street="{street} {n}",
        mobiles="+30 680 00# ####",
        jobs="""
            Προμήθειες: Υπεύθυνος προμηθειών / Υπεύθυνη προμηθειών
            Πωλήσεις: Διευθυντής πωλήσεων / Διευθύντρια πωλήσεων
            Λογιστήριο: Λογιστής / Λογίστρια
            Διοίκηση: Διευθύνων σύμβουλος / Διευθύνουσα σύμβουλος
        """,
        trades="Ναυτιλιακή Τεχνική Εκδοτική Εμπορική Τουριστική Οινοποιία",
        firms="""
            {trade} {family} Α.Ε.
            {trade} {family} – {family2} Α.Ε.
            {trade} {city} Ε.Π.Ε.
            {trade} Αφοί {family} Ο.Ε.
        """,
    ),
    Country(
        "Egypt",
        2,
        looks=(7, 13),
        women="فاطمة=fatma مريم=mariam نور=nour ليلى=laila هدى=hoda سلمى=salma ياسمين=yasmin رانيا=rania منى=mona",
        men="محمد=mohamed أحمد=ahmed يوسف=youssef عمر=omar خالد=khaled حسن=hassan مصطفى=mostafa كريم=karim طارق=tarek",
        families="عبد_الرحمن=abdelrahman حسين=hussein السيد=elsayed منصور=mansour فاروق=farouk الشريف=elsherif"
        " سليمان=soliman النجار=elnaggar صالح=saleh بركات=barakat",
        places="""
            القاهرة; ; 11511; +20 2 000# ####
            الإسكندرية; ; 21500; +20 3 00# ####
            الجيزة; ; 12511; +20 2 001# ####
        """,
        streets="شارع طلعت حرب;شارع النيل;ميدان التحرير;شارع الجامعة;طريق الحرية;شارع الأهرام",
        street="{n} {street}",
        mobiles="+20 130 00# ####",
        jobs="""
            المشتريات: مدير المشتريات / مديرة المشتريات
            المبيعات: مندوب مبيعات / مندوبة مبيعات
            الحسابات: محاسب / محاسبة
            الإدارة: المدير العام / المديرة العامة
        """,
        trades="للتجارة=trading للمقاولات=contracting للنسيج=textiles للطباعة=print للأغذية=foods"
        " للإلكترونيات=electronics",
        firms="""
            شركة {family} {trade}
            شركة {family} و{family2} {trade}
            مؤسسة {family} {trade}
            شركة {family} وأولاده {trade}
        """,
    ),
    Country(
        "Israel",
        1,
        looks=(2, 11),
        women="נועה=noa תמר=tamar מיכל=michal שירה=shira רחל=rachel יעל=yael אביגיל=avigail טליה=talia",
        men="דוד=david יוסף=yosef אורי=uri איתי=itai משה=moshe נדב=nadav גיל=gil אריאל=ariel",
        families="כהן=cohen לוי=levi מזרחי=mizrahi פרץ=peretz ביטון=biton דהן=dahan אברהם=avraham פרידמן=friedman"
        " שפירא=shapira בן-דוד=bendavid",
        places="""
            תל אביב; ; 6525702; +972 3-00#-####
            ירושלים; ; 9414219; +972 2-00#-####
            חיפה; ; 3303113; +972 4-00#-####
        """,
        streets="רחוב הרצל;שדרות רוטשילד;רחוב יפו;רחוב הנביאים;דרך השלום",
        street="{street} {n}",
        mobiles="+972 50-00#-####",
        jobs="""
            רכש: מנהל רכש / מנהלת רכש
            מכירות: סמנכ״ל מכירות / סמנכ״לית מכירות
            הנהלת חשבונות: חשב / חשבת
            הנהלה: מנכ״ל / מנכ״לית
        """,
        trades="טכנולוגיות=technologies הנדסה=engineering דפוס=print שיווק=marketing לוגיסטיקה=logistics",
        firms="""
            {family} {trade} בע״מ
            {family} את {family2} {trade}
            קבוצת {family} {trade} בע״מ
        """,
    ),
    Country(
        "China",
        2,
        looks=(5, 8),
        women="芳=fang 娜=na 敏=min 静=jing 秀英=xiuying 丽=li 雪梅=xuemei 雨桐=yutong 晓燕=xiaoyan",
        men="伟=wei 强=qiang 磊=lei 军=jun 洋=yang 勇=yong 建国=jianguo 志强=zhiqiang 浩然=haoran 子轩=zixuan",
        families="王=wang 李=li 张=zhang 刘=liu 陈=chen 杨=yang 赵=zhao 黄=huang 周=zhou 吴=wu 徐=xu"
        " 欧阳=ouyang 诸葛=zhuge",
        places="""
            北京市; ; 100020; +86 10 0### ####
            上海市; ; 200040; +86 21 0### ####
            广州市; 广东省; 510030; +86 20 0### ####
            成都市; 四川省; 610041; +86 28 0### ####
        """,
        streets="中山路;人民路;解放路;和平路;建设大道;新华街",
        street="{street}{n}号",
        mobiles="+86 154 0### ####",
        jobs="""
            采购部: 采购经理
            销售部: 销售总监
            财务部: 会计主管
            总经理办公室: 总经理
            技术部: 高级工程师
        """,
        trades="科技=keji 贸易=maoyi 电子=dianzi 机械=jixie 纺织=fangzhi 物流=wuliu",
        firms="""
            {family}氏{trade}有限公司
            {city}{family}记{trade}有限公司
            {family}{family2}{trade}股份有限公司
        """,
        display="{family}{given}",
    ),
    Country(
        "Japan",
        2,
        looks=(5, 8),
        women="陽菜=hina 美咲=misaki 結衣=yui さくら=sakura 恵子=keiko 由美子=yumiko 智子=tomoko 葵=aoi",
        men="健=ken 大輔=daisuke 翔太=shota 誠=makoto 拓也=takuya 直樹=naoki 蓮=ren 隆=takashi",
        families="佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 渡辺=watanabe 伊藤=ito 山本=yamamoto 中村=nakamura"
        " 小林=kobayashi 斎藤=saito 髙野=takano",
        places="""
            千代田区; 東京都; 100-0005; +81 3-0###-####
            大阪市; 大阪府; 530-0001; +81 6-0###-####
            名古屋市; 愛知県; 450-0002; +81 52-0##-####
            札幌市; 北海道; 060-0001; +81 11-0##-####
        """,
        streets="中央;本町;栄町;緑町;駅前;大手町",
        street="{street}{d}-{d}-{n}",
        mobiles="+81 90-0000-####;+81 80-0000-####",
        jobs="""
            購買部: 購買課長
            営業部: 営業部長
            経理部: 経理担当
            総務部: 総務課長
            技術部: 主任技師
            役員: 代表取締役
        """,
        trades="製作所=seisakusho 商事=shoji 電機=denki 印刷=insatsu 食品=shokuhin 運輸=unyu",
        firms="""
            株式会社{family}{trade}
            {family}{trade}株式会社
            有限会社{family}{family2}{trade}
        """,
        display="{family} {given}",
    ),
    Country(
        "South Korea",
        1,
        looks=(5, 8),
        women="서연=seoyeon 지우=jiwoo 민지=minji 수진=sujin 은영=eunyoung 하은=haeun 유나=yuna",
        men="민준=minjun 지훈=jihun 현우=hyunwoo 성민=sungmin 동현=donghyun 영수=youngsu 준호=junho",
        families="김=kim 이=lee 박=park 최=choi 정=jung 강=kang 조=cho 윤=yoon 남궁=namgung",
        places="""
            중구; 서울특별시; 04524; +82 2-0000-####
            해운대구; 부산광역시; 48095; +82 51-000-####
            유성구; 대전광역시; 34126; +82 42-000-####
        """,
        streets="중앙로;대학로;평화로;시청로;역전로",
        street="{street} {n}",
        mobiles="+82 10-0000-####",
        jobs="""
            구매팀: 구매팀장
            영업부: 영업부장
            재무팀: 회계과장
            경영지원: 대표이사
        """,
        trades="전자=jeonja 물산=mulsan 건설=geonseol 식품=sikpum 정밀=jeongmil",
        firms="""
            주식회사 {family}앤{family2} {trade}
            {family}씨{trade} 주식회사
            {family}{family2}{trade}(주)
        """,
        display="{family}{given}",
    ),
    Country(
        "India",
        2,
        looks=(8, 13),
        women="अनीता=anita प्रिया=priya सुनीता=sunita कविता=kavita दीपिका=deepika मीरा=meera पूजा=pooja लक्ष्मी=lakshmi",
        men="राजेश=rajesh अमित=amit विक्रम=vikram संजय=sanjay अर्जुन=arjun रोहित=rohit सुरेश=suresh कृष्ण=krishna",
        families="शर्मा=sharma वर्मा=verma गुप्ता=gupta सिंह=singh मिश्रा=mishra अग्रवाल=agarwal त्रिपाठी=tripathi"
        " चौधरी=chaudhary यादव=yadav जोशी=joshi",
        places="""
            नई दिल्ली; दिल्ली; 110001; +91 11 0### ####
            मुंबई; महाराष्ट्र; 400001; +91 22 0### ####
            लखनऊ; उत्तर प्रदेश; 226001; +91 522 0## ####
            जयपुर; राजस्थान; 302001; +91 141 0## ####
        """,
        streets="महात्मा गांधी मार्ग;नेहरू नगर;स्टेशन रोड;राजपथ;कनॉट प्लेस",
        street="{n}, {street}",
        mobiles="+91 55555 0####",
        jobs="""
            क्रय विभाग: क्रय प्रबंधक
            बिक्री विभाग: बिक्री अधिकारी
            लेखा विभाग: मुख्य लेखाकार
            प्रबंधन: प्रबंध निदेशक
        """,
        trades="टेक्सटाइल्स=textiles ट्रेडर्स=traders स्टील=steel मसाले=masale प्रिंटर्स=printers इंजीनियरिंग=engineering",
        firms="""
            {family} {trade} प्रा. लि.
            {family} एंड {family2} {trade} प्रा. लि.
            {family} एंड संस {trade}
            {family} ब्रदर्स {trade}
        """,
    ),
    Country(
        "Vietnam",
        1,
        looks=(5, 10),
        women="Hương Ngọc_Ánh Thùy_Linh Mỹ_Duyên Phương_Thảo Tuyết",
        men="Đức Minh_Quân Hữu_Phước Tuấn_Kiệt Văn_Dũng Thế_Hưng",
        families="Nguyễn Trần Lê Phạm Huỳnh Võ Đặng Bùi Đỗ Dương",
        places="""
            Hà Nội; ; 100000; +84 24 0### ####
            Thành phố Hồ Chí Minh; ; 700000; +84 28 0### ####
            Đà Nẵng; ; 550000; +84 236 0## ####
        """,
        streets="Đường Lê Lợi;Phố Huế;Đường Trần Hưng Đạo;Đường Điện Biên Phủ;Phố Tràng Tiền",
        street="{n} {street}",
        mobiles="+84 95 000 ####",
        jobs="""
            Phòng Mua hàng: Trưởng phòng Mua hàng
            Phòng Kinh doanh: Giám đốc Kinh doanh
            Phòng Kế toán: Kế toán trưởng
            Ban Giám đốc: Tổng Giám đốc
        """,
        trades="Thương_mại Xây_dựng Điện_tử Dệt_may Thủy_sản",
        firms="""
            Công ty TNHH {trade} {family}
            Công ty Cổ phần {trade} {city}
            Công ty {trade} {family} {family2}
        """,
        display="{family} {given}",
    ),
)
