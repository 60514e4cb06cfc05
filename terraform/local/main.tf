# A whole cluster of real processes on this machine, with nothing but what is built
# into terraform: the same programs, flags and order as in a cloud.
#
# What terraform is told stands in its state, so it is told the paths of secrets, never
# the secrets: `process prepare` makes them.

locals {
  dir = abspath(var.data_dir)
  bin = abspath(var.bin_dir)

  key     = "file:${local.dir}/cluster.key"
  zk      = "127.0.0.1:${var.ports.zookeeper}"
  mirror  = var.zookeeper ? ["-zk", local.zk] : []
  members = var.zookeeper ? "zk:${local.zk}" : "seed:127.0.0.1:${var.ports.http}"
  route   = "http://127.0.0.1:${var.ports.route}"

  # Where nodes and operators find the route: apart from clients, if there is a port.
  internal = var.ports.internal == null ? local.route : "http://127.0.0.1:${var.ports.internal}"

  # The part of the route's configuration that says how tokens of another system are verified.
  jwt = var.jwt == null ? [] : compact([
    "jwt-issuer ${var.jwt.issuer}",
    "jwt-audience ${var.jwt.audience}",
    "jwt-name ${var.jwt.name}",
    var.jwt.key_file == null ? "" : "jwt-key file:${abspath(coalesce(var.jwt.key_file, "."))}",
    var.jwt.jwks_url == null ? "" : "jwt-jwks ${coalesce(var.jwt.jwks_url, "-")}",
  ])

  store = {
    server   = "redis://cim@127.0.0.1:${var.ports.redis}"
    embedded = "embedded"
  }

  # The first node makes the cluster and the others know its address. None is told how
  # many there are: another number leaves those that stay alone.
  nodes = {
    for i in range(var.node_count) : "node-${i + 1}" => {
      clients = var.ports.clients + i
      http    = var.ports.http + i
      gossip  = var.ports.gossip + i
      find    = i == 0 ? ["-bootstrap"] : ["-join", "127.0.0.1:${var.ports.gossip}"]
    }
  }
}

resource "terraform_data" "folder" {
  triggers_replace = { dir = local.dir }

  provisioner "local-exec" {
    command = "\"${path.module}/process/process\" prepare \"$DIR\""
    environment = {
      DIR = self.triggers_replace.dir
    }
  }
  provisioner "local-exec" {
    when    = destroy
    command = "\"${path.module}/process/process\" remove \"$DIR\""
    environment = {
      DIR = self.triggers_replace.dir
    }
  }
}

# A key and a certificate for each process, if they are asked for. The operator's key that
# signs them stays in the folder; in a cloud it would be elsewhere.
resource "terraform_data" "operator" {
  count = var.identities ? 1 : 0

  triggers_replace = { dir = local.dir }

  provisioner "local-exec" {
    command     = "\"${path.module}/process/process\" operator \"$DIR\" \"$CIM\""
    environment = { DIR = local.dir, CIM = "${local.bin}/cim" }
  }

  depends_on = [terraform_data.folder]
}

resource "terraform_data" "identity" {
  for_each = var.identities ? merge({ route = "route" }, { for name in keys(local.nodes) : name => "node" }) : {}

  triggers_replace = { dir = local.dir }

  provisioner "local-exec" {
    command     = "\"${path.module}/process/process\" identity \"$DIR\" \"$CIM\" \"$ROLE\" \"$NAME\""
    environment = { DIR = local.dir, CIM = "${local.bin}/cim", ROLE = each.value, NAME = each.key }
  }

  depends_on = [terraform_data.operator]
}

module "redis" {
  source = "./process"
  count  = var.redis == "server" ? 1 : 0

  dir     = local.dir
  name    = "redis"
  command = ["redis-server", "${local.dir}/redis.conf"]
  config  = <<-EOT
    bind 127.0.0.1
    port ${var.ports.redis}
    user default off
    user cim on >@PASSWORD@ ~* &* +@all -@dangerous +info +role
    dir ${local.dir}/redis
    appendonly yes
    maxmemory-policy noeviction
  EOT
  ready   = "tcp:${var.ports.redis}"

  depends_on = [terraform_data.folder]
}

module "zookeeper" {
  source = "./process"
  count  = var.zookeeper ? 1 : 0

  dir     = local.dir
  name    = "zookeeper"
  command = ["java", "-Xmx128m", "-cp", var.zookeeper_classpath, "org.apache.zookeeper.server.ZooKeeperServerMain", "${local.dir}/zookeeper.conf"]
  config  = <<-EOT
    dataDir=${local.dir}/zookeeper
    clientPort=${var.ports.zookeeper}
    clientPortAddress=127.0.0.1
    tickTime=1000
    admin.enableServer=false
  EOT
  ready   = "tcp:${var.ports.zookeeper}"

  depends_on = [terraform_data.folder]
}

# The route comes before the nodes, which are ready only when it has told them the key
# of tickets, and leaves after them: they drain with its help.
module "route" {
  source = "./process"

  dir     = local.dir
  name    = "route"
  command = ["${local.bin}/cim-route", "-config", "${local.dir}/route.conf"]
  config  = <<-EOT
    listen 127.0.0.1:${var.ports.route}
    redis ${local.store[var.redis]}
    %{if var.redis == "server"}redis-password file:${local.dir}/redis.password%{endif}
    ring ${local.members}
    cluster-key ${local.key}
    auth ${var.auth}
    %{if var.ports.internal != null}internal-listen 127.0.0.1:${var.ports.internal == null ? 0 : var.ports.internal}%{endif}
    %{if var.limits != null}limits ${var.limits == null ? "" : var.limits}%{endif}
    %{if var.identities}identity ${local.dir}/keys/route.pem%{endif}
    %{for line in local.jwt}
    ${line}
    %{endfor}
  EOT
  ready   = "http:${var.ports.route}:/healthz"

  depends_on = [module.redis, module.zookeeper, terraform_data.identity]
}

module "node" {
  source   = "./process"
  for_each = local.nodes

  dir  = local.dir
  name = each.key
  command = concat([
    "${local.bin}/cim-server", "-id", each.key,
    "-listen", "127.0.0.1:${each.value.clients}",
    "-http", "127.0.0.1:${each.value.http}",
    "-gossip", "127.0.0.1:${each.value.gossip}",
    "-route-url", local.internal,
    "-cluster-key", local.key,
    "-auth", var.auth,
    "-data", "${local.dir}/${each.key}",
    "-drain-timeout", "${var.drain_timeout}s",
  ], each.value.find, local.mirror, var.identities ? ["-identity", "${local.dir}/keys/${each.key}.pem"] : [])
  ready    = "http:${each.value.http}:/readyz"
  patience = var.drain_timeout + 30 # it ends by itself when its users have gone

  depends_on = [module.route, terraform_data.identity]
}
