# The whole system in one region: clients connect to nodes in public subnets, and to the
# route's HTTP API; the route's function, the store and ZooKeeper stand in private ones.

provider "aws" {
  region = var.region

  default_tags {
    tags = { cluster = var.name }
  }
}

data "aws_availability_zones" "here" {
  state = "available"
}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

locals {
  server_zip = "${var.dist}/cim-server_linux_arm64.zip"
  route_zip  = "${var.dist}/cim-route_linux_${var.route.architecture == "x86_64" ? "amd64" : "arm64"}.zip"

  network = (var.existing_network != null
    ? var.existing_network
    : {
      vpc_id             = module.network[0].vpc_id
      public_subnet_ids  = module.network[0].public_subnet_ids
      private_subnet_ids = module.network[0].private_subnet_ids
    }
  )
  tls = var.tls == null ? null : {
    domain        = var.tls.domain
    zone_id       = var.tls.zone_id
    secret_arn    = var.tls.secret_arn == null ? module.secrets.certificate_arn : var.tls.secret_arn
    plain_clients = var.tls.plain_clients
  }
  redis = (var.existing_redis != null
    ? { url = var.existing_redis.url, password_arn = var.existing_redis.password_arn }
    : { url = module.redis[0].url, password_arn = module.secrets.redis_password_arn }
  )
}

# Said at each plan and apply, so that no experiment becomes a habit.
check "tls" {
  assert {
    condition     = !var.plaintext
    error_message = "plaintext = true: what has no TLS may run. It is for experiments: whoever can read the network reads passwords, tokens and messages."
  }
}

module "secrets" {
  source = "../modules/secrets"

  name                   = var.name
  generation             = var.secret_generation
  recovery_days          = var.secret_recovery_days
  identities             = var.identities
  identity_files         = var.identity_files
  certificate_generation = var.tls == null || try(var.tls.secret_arn, null) != null ? null : var.tls.generation
  certificate_files      = var.certificate_files
}

module "network" {
  source = "../modules/network"
  count  = var.existing_network == null ? 1 : 0

  name  = var.name
  cidr  = var.cidr
  zones = slice(sort(data.aws_availability_zones.here.names), 0, var.zone_count)
}

module "redis" {
  source = "../modules/redis"
  count  = var.existing_redis == null ? 1 : 0

  name                = var.name
  vpc_id              = local.network.vpc_id
  subnet_ids          = local.network.private_subnet_ids
  clients             = { route = module.route.security_group_id }
  password            = module.secrets.redis_password
  password_generation = var.secret_generation
  node_type           = var.redis.type
  shards              = var.redis.shards
  replicas            = var.redis.replicas
  snapshot_days       = var.redis.snapshot_days
  alarm_topic_arns    = var.alarm_topic_arns
}

resource "aws_vpc_security_group_ingress_rule" "existing_redis" {
  count = var.existing_redis == null ? 0 : 1

  security_group_id            = var.existing_redis.security_group_id
  description                  = "Redis from the route of ${var.name}"
  referenced_security_group_id = module.route.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

module "zookeeper" {
  source = "../modules/zookeeper"
  count  = var.zookeeper == null ? 0 : 1

  name             = var.name
  vpc_id           = local.network.vpc_id
  subnet_ids       = local.network.private_subnet_ids
  clients          = { nodes = module.node.security_group_id }
  servers          = var.zookeeper.servers
  instance_type    = var.zookeeper.type
  ami              = data.aws_ssm_parameter.image.insecure_value
  archive          = { bucket = aws_s3_object.zookeeper[0].bucket, key = aws_s3_object.zookeeper[0].key, sha256 = filesha256(var.zookeeper.archive) }
  alarm_topic_arns = var.alarm_topic_arns
}

module "node" {
  source = "../modules/node"

  name             = var.name
  vpc_id           = local.network.vpc_id
  subnet_ids       = local.network.public_subnet_ids
  client_cidrs     = var.client_cidrs
  routes           = { route = module.route.security_group_id }
  route_url        = module.route.url
  zookeeper        = var.zookeeper == null ? "" : module.zookeeper[0].servers
  cluster_key_arn  = module.secrets.cluster_key_arn
  identity_arns    = module.secrets.node_identity_arns
  artifact         = { bucket = aws_s3_object.server.bucket, key = aws_s3_object.server.key, sha256 = filesha256(local.server_zip) }
  ami              = data.aws_ssm_parameter.image.insecure_value
  instance_type    = var.nodes.type
  size             = { min = var.nodes.min, max = var.nodes.max }
  capacity         = var.nodes.capacity
  drain_timeout    = var.nodes.drain_timeout
  internal         = { port = var.nodes.internal_port, profiles = var.nodes.profiles }
  auth             = var.auth
  tls              = local.tls
  log_days         = var.log_days
  alarm_topic_arns = var.alarm_topic_arns
}

module "route" {
  source = "../modules/routefn"

  name               = var.name
  vpc_id             = local.network.vpc_id
  subnet_ids         = local.network.private_subnet_ids
  package            = local.route_zip
  architecture       = var.route.architecture
  redis_url          = local.redis.url
  redis_password_arn = local.redis.password_arn
  cluster_key_arn    = module.secrets.cluster_key_arn
  route_key_arn      = module.secrets.route_key_arn
  identity_arn       = module.secrets.route_identity_arn
  members            = module.node.members
  node_port          = var.nodes.internal_port
  auth               = var.auth
  jwt                = var.jwt
  limits             = var.limits
  ack                = var.ack
  retention          = var.retention
  memory             = var.route.memory
  concurrency        = { reserved = var.route.reserved, provisioned = var.route.provisioned }
  rate               = { limit = var.route.rate, burst = var.route.burst }
  log_days           = var.log_days
  alarm_topic_arns   = var.alarm_topic_arns
}
