"""Names of regions and products: codes, the API's names, and what people call them.

Callbacks carry short codes, EventBridge and template bodies the API's names (models of the monitor
and anti-DDoS APIs). A region or product that is not here is shown as received.
"""

REGIONS = {  # code: (the API's name, English, Chinese)
    "bj": ("ap-beijing", "Beijing", "北京"),
    "bjjr": ("ap-beijing-fsi", "Beijing Finance", "北京金融"),
    "ca": ("na-toronto", "Toronto", "多伦多"),
    "cd": ("ap-chengdu", "Chengdu", "成都"),
    "cq": ("ap-chongqing", "Chongqing", "重庆"),
    "csec": ("ap-changsha-ec", "Changsha Edge Zone", "长沙边缘可用区"),
    "de": ("eu-frankfurt", "Frankfurt", "法兰克福"),
    "fzec": ("ap-fuzhou-ec", "Fuzhou Edge Zone", "福州边缘可用区"),
    "gz": ("ap-guangzhou", "Guangzhou", "广州"),
    "gzopen": ("ap-guangzhou-open", "Guangzhou Open", "广州Open"),
    "hfeec": ("ap-hefei-ec", "Hefei Edge Zone", "合肥边缘可用区"),
    "hk": ("ap-hongkong", "Hong Kong", "香港"),
    "hzec": ("ap-hangzhou-ec", "Hangzhou Edge Zone", "杭州边缘可用区"),
    "in": ("ap-mumbai", "Mumbai", "孟买"),
    "jkt": ("ap-jakarta", "Jakarta", "雅加达"),
    "jnec": ("ap-jinan-ec", "Jinan Edge Zone", "济南边缘可用区"),
    "jp": ("ap-tokyo", "Tokyo", "东京"),
    "kr": ("ap-seoul", "Seoul", "首尔"),
    "nj": ("ap-nanjing", "Nanjing", "南京"),
    "qy": ("ap-qingyuan", "Qingyuan", "清远"),
    "ru": ("eu-moscow", "Moscow", "莫斯科"),
    "sao": ("sa-saopaulo", "São Paulo", "圣保罗"),
    "sg": ("ap-singapore", "Singapore", "新加坡"),
    "sh": ("ap-shanghai", "Shanghai", "上海"),
    "sheec": ("ap-shenyang-ec", "Shenyang Edge Zone", "沈阳边缘可用区"),
    "shjr": ("ap-shanghai-fsi", "Shanghai Finance", "上海金融"),
    "sjwec": ("ap-shijiazhuang-ec", "Shijiazhuang Edge Zone", "石家庄边缘可用区"),
    "szjr": ("ap-shenzhen-fsi", "Shenzhen Finance", "深圳金融"),
    "szx": ("ap-shenzhen", "Shenzhen", "深圳"),
    "th": ("ap-bangkok", "Bangkok", "曼谷"),
    "tpe": ("ap-taipei", "Taipei", "台北"),
    "tsn": ("ap-tianjin", "Tianjin", "天津"),
    "use": ("na-ashburn", "Virginia", "弗吉尼亚"),
    "usw": ("na-siliconvalley", "Silicon Valley", "硅谷"),
    "whec": ("ap-wuhan-ec", "Wuhan Edge Zone", "武汉边缘可用区"),
    "xiyec": ("ap-xian-ec", "Xi'an Edge Zone", "西安边缘可用区"),
}
CODES = {name: code for code, (name, _, _) in REGIONS.items()}
PRODUCTS = {  # short name: (English, Chinese)
    "antiddos": ("Anti-DDoS", "DDoS 防护"),
    "cbs": ("CBS", "云硬盘"),
    "cdb": ("MySQL", "云数据库 MySQL"),
    "cdn": ("CDN", "内容分发网络"),
    "cfs": ("CFS", "文件存储"),
    "ckafka": ("CKafka", "消息队列 CKafka"),
    "clb": ("CLB", "负载均衡"),
    "cmongo": ("MongoDB", "云数据库 MongoDB"),
    "cos": ("COS", "对象存储"),
    "cvm": ("CVM", "云服务器"),
    "cynosdb": ("TDSQL-C", "云原生数据库 TDSQL-C"),
    "dc": ("Direct Connect", "专线接入"),
    "dcdb": ("TDSQL", "分布式数据库 TDSQL"),
    "mariadb": ("MariaDB", "云数据库 MariaDB"),
    "nat": ("NAT Gateway", "NAT 网关"),
    "postgresql": ("PostgreSQL", "云数据库 PostgreSQL"),
    "redis": ("Redis", "云数据库 Redis"),
    "scf": ("SCF", "云函数"),
    "sqlserver": ("SQL Server", "云数据库 SQL Server"),
    "tcaplus": ("TcaplusDB", "游戏数据库 TcaplusDB"),
    "tke": ("TKE", "容器服务"),
    "vpc": ("VPC", "私有网络"),
    "vpn": ("VPN", "VPN 连接"),
}


def region_names(text: str) -> tuple[str, ...]:
    """Give a region's code and the API's name for it, from either; an unknown one as it is."""
    code = _code(text)
    return (code, REGIONS[code][0]) if code else (text,)


def place(text: str, language: str) -> str:
    """Give a region's name in `en` or `zh`, from its code or the API's name; an unknown one as received."""
    code = _code(text)
    return REGIONS[code][2 if language == "zh" else 1] if code else text


def place_and_code(text: str, language: str) -> str:
    """Give a region's name and what was received: "Guangzhou (gz)"; an unknown one as received."""
    name = place(text, language)
    return text if name == text else f"{name} ({text})"


def product_name(text: str, language: str) -> str:
    """Give a product's name in `en` or `zh`, from its short name; an unknown one as received."""
    english, chinese = PRODUCTS.get(text.lower(), (text, text))
    return chinese if language == "zh" else english


def _code(text: str) -> str:
    """Give a region's code, in lower case; empty where nobody knows it."""
    lower = text.strip().lower()
    return lower if lower in REGIONS else CODES.get(lower, "")
