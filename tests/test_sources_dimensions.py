"""The 101 documented sets of dimensions: for each the product, the object's id and its name."""

import json
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from bridge import samples
from bridge.alarm import Alarm
from bridge.sources import read

RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
SETS = json.loads(Path(__file__).with_name("callbacks").joinpath("dimensions.json").read_text(encoding="utf-8"))

WATCHED = {  # what is monitored: (policyType, namespace, the product understood)
    "bandwidth-package": ("", "qce/bwp", "bwp"),
    "classic-cross-region": ("vpc_region_conn", "qce/pcx", "vpc"),
    "clb-private-listener": ("CLB_LISTENER_PRIVATE", "qce/lb_private", "clb"),
    "clb-private-server-port": ("CLB_PORT_PRIVATE", "qce/lb_private", "clb"),
    "clb-public-listener": ("CLB_LISTENER_PUBLIC", "qce/lb_public", "clb"),
    "clb-public-server-port": ("", "qce/lb", "clb"),
    "clb-vip-block": ("", "", "clb"),
    "clb-vip-blocking": ("", "", "clb"),
    "cvm": ("cvm_device", "qce/cvm", "cvm"),
    "dc-connection": ("", "qce/dc", "dc"),
    "dc-gateway": ("DC_GW", "qce/dcg", "dc"),
    "dc-tunnel": ("", "qce/dcx", "dcx"),
    "mysql-master": ("cdb_detail", "qce/cdb", "cdb"),
    "mysql-slave": ("cdb_detail", "qce/cdb", "cdb"),
    "nat-gateway": ("nat_tc_stat", "qce/nat_gateway", "nat"),
    "network-detection": ("NET_DETECT", "qce/vpc_net_detect", "net"),
    "peering": ("vpc_region_conn", "qce/pcx", "vpc"),
    "redis": ("redis", "qce/redis", "redis"),
    "vpn-gateway": ("VPN_GW", "qce/vpngw", "vpn"),
    "vpn-tunnel": ("vpn_tunnel", "qce/vpnx", "vpn"),
    "cdn": ("cdn_project", "qce/cdn", "cdn"),
    "clb-private-network-listener": ("CLB_LISTENER_PRIVATE", "qce/lb_private", "clb"),
    "clb-private-network-server-port": ("CLB_PORT_PRIVATE", "qce/lb_private", "clb"),
    "clb-public-network-listener": ("CLB_LISTENER_PUBLIC", "qce/lb_public", "clb"),
    "clb-public-network-server-port": ("", "qce/lb", "clb"),
    "direct-connect-connection": ("", "qce/dc", "dc"),
    "direct-connect-dedicated-tunnel": ("", "qce/dcx", "dcx"),
    "tencentdb-for-mysql": ("cdb_detail", "qce/cdb", "cdb"),
    "tencentdb-for-mysql-primary-monitoring": ("cdb_detail", "qce/cdb", "cdb"),
    "tencentdb-for-mysql-secondary-monitoring": ("cdb_detail", "qce/cdb", "cdb"),
    "tencentdb-for-redis": ("redis", "qce/redis", "redis"),
    "vpc-cross-region-interconnection-over-the-classic-network": ("vpc_region_conn", "qce/pcx", "vpc"),
    "vpc-direct-connect-gateway": ("DC_GW", "qce/dcg", "dc"),
    "vpc-nat-gateway": ("nat_tc_stat", "qce/nat_gateway", "nat"),
    "vpc-network-detection": ("NET_DETECT", "qce/vpc_net_detect", "net"),
    "vpc-peering-connection": ("vpc_region_conn", "qce/pcx", "vpc"),
    "vpc-shared-bandwidth-package": ("", "qce/bwp", "bwp"),
    "vpc-vpn-gateway": ("VPN_GW", "qce/vpngw", "vpn"),
    "vpc-vpn-tunnel": ("vpn_tunnel", "qce/vpnx", "vpn"),
    "cfs": ("", "QCE/CFS", "cfs"),
    "ckafka-consumergroup-partition": ("", "qce/ckafka", "ckafka"),
    "ckafka-consumergroup-topic": ("", "qce/ckafka", "ckafka"),
    "ckafka-instance": ("", "qce/ckafka", "ckafka"),
    "ckafka-topic": ("", "qce/ckafka", "ckafka"),
    "clb-layer-7-protocol": ("LB-SEVEN-LAYER-MONITOR", "qce/lb", "clb"),
    "clb-server-port-private-network-for-classic-clb": ("CLB_PORT_PRIVATE", "qce/lb_private", "clb"),
    "cos": ("", "qce/cos", "cos"),
    "cvm-basic-monitoring": ("cvm_device", "qce/lb", "cvm"),
    "cvm-storage-monitoring": ("BS", "qce/block_storage", "cbs"),
    "scf": ("", "qce/scf_v2", "scf_v2"),
    "tdsql-c-for-mysql": ("CYNOSDB_MYSQL", "qce/cynosdb_mysql", "cynosdb"),
    "tdsql-for-mysql-instance-summary": ("DCDB", "qce/dcdb", "dcdb"),
    "tencentdb-for-mariadb-instance-summary": ("MariaDB", "qce/mariadb", "mariadb"),
    "tencentdb-for-mongodb": ("cmongo_instance", "qce/cmongo", "cmongo"),
    "tencentdb-for-postgresql": ("POSTGRESQL", "qce/postgres", "postgresql"),
    "tencentdb-for-redis-1-minute": ("redis", "qce/redis", "redis"),
    "tencentdb-for-redis-5-second-instance-summary": ("redis_mem_edition", "qce/redis_mem", "redis"),
    "tencentdb-for-redis-5-second-proxy-node": ("redis_mem_proxy", "qce/redis_mem", "redis"),
    "tencentdb-for-redis-5-second-redis-node": ("redis_mem_node", "qce/redis_mem", "redis"),
    "tencentdb-for-sql-server": ("sqlserver_instance", "qce/sqlserver", "sqlserver"),
    "tencentdb-for-tcaplusdb": ("", "qce/tcaplus", "tcaplus"),
    "tke-metric-v2-0-cluster-component": ("", "qce/tke2", "tke2"),
    "tke-metric-v2-0-cluster": ("", "qce/tke2", "tke2"),
    "tke-metric-v2-0-container": ("", "qce/tke2", "tke2"),
    "tke-metric-v2-0-pod": ("", "qce/tke2", "tke2"),
    "tke-metric-v2-0-workload": ("", "qce/tke2", "tke2"),
    "vpc-bandwidth-package": ("", "qce/bwp", "bwp"),
    "cvm-basic": ("cvm_device", "qce/cvm", "cvm"),
    "cvm-storage": ("BS", "qce/block_storage", "cbs"),
    "redis-1min": ("redis", "qce/redis", "redis"),
    "redis-5s-node": ("redis_mem_node", "qce/redis_mem", "redis"),
    "tdsql": ("", "qce/tdsql", "tdsql"),
}
EVENT_PRODUCTS = {  # what an event is of: (productName, the product understood)
    "clb-vip-block": ("clb", "clb"),
    "clb-vip-blocking": ("CLB", "clb"),
    "cvm": ("cvm", "cvm"),
    "direct-connect-connection": ("dc", "dc"),
    "direct-connect-dedicated-tunnel": ("dcx", "dcx"),
    "peering": ("pcx", "pcx"),
    "tencentdb-for-mysql": ("CDB", "cdb"),
    "vpc-peering-connection": ("pcx", "pcx"),
    "vpc-vpn-gateway": ("vpngw", "vpngw"),
    "vpn-gateway": ("vpngw", "vpngw"),
}
OBJECTS = [  # in the file's order: (what is monitored, object id, object name)
    ("bandwidth-package", "xxx", "xxx"),
    ("classic-cross-region", "xxx", "xxx"),
    ("clb-private-listener", "xxx", "xxx"),
    ("clb-private-server-port", "xxx", "xxx"),
    ("clb-public-listener", "118.25.31.161#443#https", "CAuthCenteH5 | 基础网络 | 118.25.31.161(https:443)"),
    ("clb-public-server-port", "xxx", "xxx"),
    ("clb-vip-block", "clb-test", ""),
    ("cvm", "ins-pftdvqa2", ""),
    ("cvm", "94f1133c-46cf-4c61-a4c1-d928183aba47", "172.21.30.15#588789"),
    ("dc-connection", "xxx", "xxx"),
    ("dc-gateway", "xxx", "xxx"),
    ("dc-gateway", "dcg-8wo1p2ve", "dcg-8wo1p2ve"),
    ("dc-tunnel", "xxx", "xxx"),
    ("dc-tunnel", "dcx-jizf8heu", "dcx-jizf8heu"),
    ("mysql-master", "xxx", "xxx"),
    ("mysql-slave", "xxx", "xxx"),
    ("nat-gateway", "xxx", "xxx"),
    ("network-detection", "xxx", "xxx"),
    ("peering", "pcx-142mpvfc", ""),
    ("peering", "xxx", "xxx"),
    ("redis", "xxx", "xxx"),
    ("vpn-gateway", "vpngw-i0s10nr1", ""),
    ("vpn-gateway", "xxx", "xxx"),
    ("vpn-tunnel", "xxx", "xxx"),
    ("cdn", "xxx", "xxx"),
    ("clb-private-network-listener", "xxx", "xxx"),
    ("clb-private-network-server-port", "xxx", "xxx"),
    (
        "clb-public-network-listener",
        "118.25.31.161#443#https",
        "CAuthCenteH5 | Classic network | 118.25.31.161(https:443)",
    ),
    ("clb-public-network-server-port", "xxx", "xxx"),
    ("clb-vip-blocking", "clb-test", ""),
    ("cvm", "ins-pftdvqa2", ""),
    ("cvm", "94f1133c-46cf-4c61-a4c1-d928183aba47", "172.21.30.15#588789"),
    ("direct-connect-connection", "dc-j0cp3tgr", ""),
    ("direct-connect-connection", "xxx", "xxx"),
    ("direct-connect-dedicated-tunnel", "dcx-881ekns2", ""),
    ("direct-connect-dedicated-tunnel", "xxx", "xxx"),
    ("direct-connect-dedicated-tunnel", "dcx-jizf8heu", "dcx-jizf8heu"),
    ("tencentdb-for-mysql", "cdb-bwieva60", "production-xd_item_center-0-offline-6035"),
    ("tencentdb-for-mysql-primary-monitoring", "xxx", "xxx"),
    ("tencentdb-for-mysql-secondary-monitoring", "xxx", "xxx"),
    ("tencentdb-for-redis", "xxx", "xxx"),
    ("vpc-cross-region-interconnection-over-the-classic-network", "xxx", "xxx"),
    ("vpc-direct-connect-gateway", "xxx", "xxx"),
    ("vpc-direct-connect-gateway", "dcg-8wo1p2ve", "dcg-8wo1p2ve"),
    ("vpc-nat-gateway", "xxx", "xxx"),
    ("vpc-network-detection", "xxx", "xxx"),
    ("vpc-peering-connection", "pcx-142mpvfc", ""),
    ("vpc-peering-connection", "xxx", "xxx"),
    ("vpc-shared-bandwidth-package", "xxx", "xxx"),
    ("vpc-vpn-gateway", "vpngw-i0s10nr1", ""),
    ("vpc-vpn-gateway", "xxx", "xxx"),
    ("vpc-vpn-tunnel", "xxx", "xxx"),
    ("cdn", "cloud.tencent.com", "cloud.tencent.com"),
    ("cfs", "cfs-3e225da4p", "cfs-3e225da4p"),
    (
        "ckafka-consumergroup-partition",
        "1258344866#ckafka-65eago11#topic-4q9jjy11#eslog#eslog-group22",
        "125834866#ckafka-65eago11#topic-4q9jjy11#eslog#eslog-group22",
    ),
    (
        "ckafka-consumergroup-topic",
        "1258344866#ckafka-65eago11#topic-4q9jjy11#eslog#eslog-group22",
        "125834866#ckafka-65eago11#topic-4q9jjy11#eslog#eslog-group22",
    ),
    ("ckafka-instance", "ckafka-mdkk0kkk", "ckafka-mdkk0kkk"),
    ("ckafka-topic", "ckafka-r7f1rrhh", "ckafka-r7f1rrhh"),
    (
        "clb-layer-7-protocol",
        "14.22.4.26#443#https",
        "clbtestname | Default-VPC | 18.25.31.161(htps:443) | service:clb, product:monitor",
    ),
    (
        "clb-private-network-listener",
        "14.22.4.26#443#https",
        "clbtestname | Default-VPC | 18.25.31.161(htps:443) | service:clb, product:monitor",
    ),
    (
        "clb-public-network-listener",
        "118.25.31.161#443#https",
        "clbtestname | Default-VPC | 18.25.31.161(htps:443) | service:clb, product:monitor",
    ),
    ("clb-server-port-private-network-for-classic-clb", "14.12.13.25#443#https", "14.12.13.25#443#https"),
    ("cos", "fms-1255817900", "fms-1255817900"),
    ("cvm-basic-monitoring", "94f1133c-46cf-4c61-a4c1-d928183aba47", "172.21.30.15#588789"),
    ("cvm-storage-monitoring", "disk-1yukg09l", "disk-1yukg09l(Lstarsqlserverdb-011/ins-i7d3ifpp)"),
    ("direct-connect-connection", "xxx", "xxx"),
    ("direct-connect-dedicated-tunnel", "dcx-jizf8hrr", "dcx-jizf8hrr"),
    (
        "scf",
        "1251316163#insert-tapd-task-result#qmap-insight-core#$latest",
        "1251316163#insert-tapd-task-result#qmap-insight-core#$latest",
    ),
    (
        "tdsql-c-for-mysql",
        "1256754779#cynosdbmysql-p7ahy11x#cynosdbmysql-ins-cyi56ruc#ro",
        "1256754779#cynosdbmysql-p7ahy11x#cynosdbmysql-ins-cyi56ruc#ro",
    ),
    ("tdsql-for-mysql-instance-summary", "xxx", "xxx"),
    ("tencentdb-for-mariadb-instance-summary", "xxx", "xxx"),
    (
        "tencentdb-for-mongodb",
        "cmgo-ajc6okuy",
        "cmgo-ajc6okuy(instance name:bigdata_mongodb_big data,IP:10.1.1.23:27018)",
    ),
    (
        "tencentdb-for-mysql",
        "d6bc4b82-3acc-11eb-b11e-4cf95dd88ae6",
        "cdb-emzu6ysk(instance name: platform development_xxljob,IP:10.66.234.242:3306)",
    ),
    (
        "tencentdb-for-postgresql",
        "2123",
        "ID:postgres-1292ja01|Instance Name:td100-dev-all-pgsql-1|Ip Port:10.80.24.3:5432",
    ),
    ("tencentdb-for-redis-1-minute", "crs-af3bcreh", "ID:crs-1amp2583|Instance Name:price|Ip Port:10.55.182.52:6379"),
    (
        "tencentdb-for-redis-5-second-instance-summary",
        "crs-1amp288#[instancename]",
        "ID:crs-1amp288|Instance Name:price|Ip Port:10.99.182.52:9979",
    ),
    (
        "tencentdb-for-redis-5-second-proxy-node",
        "crs-1amp2588##2b6ff049e9845688f5150a9ee7fc8d38cab222",
        "crs-1amp2588##2b6ff049e9845688f5150a9ee7fc8d38cab222",
    ),
    (
        "tencentdb-for-redis-5-second-redis-node",
        "crs-1amp2588##2b6ff049e9845688f5150a9ee7fc8d38cab2222",
        "crs-1amp2588##2b6ff049e9845688f5150a9ee7fc8d38cab2222",
    ),
    ("tencentdb-for-sql-server", "mssql-nuvazldx(10.88.6.49:1433)", "gamedb.gz18114.cdb.db"),
    ("tencentdb-for-tcaplusdb", "xxx", "xxx"),
    ("tke-metric-v2-0-cluster-component", "xxx", "xxx"),
    ("tke-metric-v2-0-cluster", "xxx", "xxx"),
    ("tke-metric-v2-0-container", "xxx", "xxx"),
    ("tke-metric-v2-0-pod", "xxx", "xxx"),
    ("tke-metric-v2-0-workload", "xxx", "xxx"),
    ("tke-metric-v2-0-workload", "xxx", "xxx"),
    ("tke-metric-v2-0-workload", "xxx", "xxx"),
    ("vpc-bandwidth-package", "xxx", "xxx"),
    ("vpc-direct-connect-gateway", "dcg-8wo1p2ve", "dcg-8wo1p2ve"),
    ("vpc-nat-gateway", "nat-4d545d", "ID: nat-4d545d| Name: meeting access to information security NAT"),
    ("vpc-network-detection", "netd-591p3g99", "ID:netd-591p3g99|Name:check ad-185|Description:"),
    ("vpc-peering-connection", "pcx-6gw5wy11", "pcx-6gw5wy11"),
    ("vpc-vpn-gateway", "xxx", "xxx"),
    ("vpc-vpn-tunnel", "5642", "saicm-sit-to-office-td(China Telecom backup)(vpnx-lr6cpqp6)"),
    ("cvm-basic", "94f1133c-xxxx-xxxx-xxxx-d928183axxxx", "172.x.x.15#588789"),
    ("cvm-storage", "disk-xxxxx", "disk-xxxxx(Lstarsqlserverdb-011/ins-xxxxx)"),
    ("mysql-master", "d6bc4b82-xxxx-xxxx-xxxx-4cf95dd88ae6", "cdb-emzuxxxx(实例名:平台发展_xxljob,IP:10.x.x.242:3306)"),
    ("mysql-slave", "5xxxxx-2xxx-1xxx-xxx-exxxxx", "cdb-xxx(实例名:nat-xxx,IP地址:xxx),实例类型:slave"),
    ("redis-1min", "crs-xxxxxx", "ID:crs-1amxxxxx|Instance Name:price|Ip Port:10.x.x.52:6379"),
    (
        "redis-5s-node",
        "crs-1amxxxxx##2b6ff049xxxxxxxxxxxxxxxxxxxx8cab2222",
        "crs-1amxxxxx##2b6ff049xxxxxxxxxxxxxxxxxxxx8cab2222",
    ),
    ("tdsql", "xxx", "xxx"),
]


def wrapped(row) -> Alarm:
    """Read a set of dimensions inside the documented body of its kind."""
    name = "doc-2023-metric-triggered-with-a-recover-time" if row["kind"] == "metric" else "doc-2022-eventbridge-event"
    body = orjson.loads(samples.body(name))
    body["alarmObjInfo"]["dimensions"] = row["dimensions"]
    if row["kind"] == "metric":
        policy_type, namespace, _ = WATCHED[row["product"]]
        body["alarmPolicyInfo"]["policyType"] = policy_type
        body["alarmObjInfo"]["namespace"] = namespace
    else:
        body["alarmPolicyInfo"]["conditions"]["productName"] = EVENT_PRODUCTS[row["product"]][0]
    alarm = read(orjson.dumps(body), RECEIVED_AT).alarm
    assert alarm is not None
    return alarm


def test_all_101_sets_are_here():
    assert len(SETS) == len(OBJECTS) == 101


@pytest.mark.parametrize("place", range(len(SETS)), ids=lambda place: f"{place}-{SETS[place]['product']}")
def test_product_and_object_are_read_from_documented_dimensions(place):
    row, (watched, object_id, object_name) = SETS[place], OBJECTS[place]
    alarm = wrapped(row)
    product = WATCHED[watched][2] if row["kind"] == "metric" else EVENT_PRODUCTS[watched][1]
    assert (row["product"], alarm.kind) == (watched, row["kind"])
    assert (alarm.product, alarm.object_id, alarm.object_name) == (product, object_id, object_name)
    assert alarm.dimensions == row["dimensions"]


def test_two_sets_of_a_namespace_share_a_key_only_where_all_but_names_for_display_agree():
    keys: dict[str, set[str]] = {}
    for row in SETS:
        if row["kind"] == "metric":
            steady = {name: str(value) for name, value in row["dimensions"].items() if name != "objName"}
            told = json.dumps([WATCHED[row["product"]][1], steady], sort_keys=True)
            keys.setdefault(told, set()).add(wrapped(row).key)
    assert {len(found) for found in keys.values()} == {1}
    assert len({key for found in keys.values() for key in found}) == len(keys) == 62
