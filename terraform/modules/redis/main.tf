# The store: one replication group, TLS, a user with a password, and a policy that never
# evicts, because what is in it is not a cache.

locals {
  cluster = var.shards > 1
  members = [for pair in setproduct(range(1, var.shards + 1), range(1, var.replicas + 2)) :
    local.cluster ? format("%s-%04d-%03d", var.name, pair...) : format("%s-%03d", var.name, pair[1])
  ]
}

resource "aws_security_group" "this" {
  name        = "${var.name}-redis"
  description = "The store"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-redis" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.clients

  security_group_id            = aws_security_group.this.id
  description                  = "Redis from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_elasticache_parameter_group" "this" {
  name        = var.name
  family      = var.engine.family
  description = "A store, not a cache: nothing is evicted"

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
  dynamic "parameter" {
    for_each = local.cluster ? ["yes"] : []

    content {
      name  = "cluster-enabled"
      value = parameter.value
    }
  }
}

# A group must have a user called default, and one of Valkey no user without a password.
# This one is off and can do nothing.
resource "aws_elasticache_user" "default" {
  user_id              = "${var.name}-default"
  user_name            = "default"
  engine               = var.engine.name
  access_string        = "off ~keys* -@all"
  passwords_wo         = var.password
  passwords_wo_version = var.password_generation
}

# The routes' user: everything but what would change the server.
resource "aws_elasticache_user" "cim" {
  user_id              = "${var.name}-cim"
  user_name            = "cim"
  engine               = var.engine.name
  access_string        = "on ~* &* +@all -@dangerous +info +role"
  passwords_wo         = var.password
  passwords_wo_version = var.password_generation
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = var.name
  engine        = var.engine.name
  user_ids      = [aws_elasticache_user.default.user_id, aws_elasticache_user.cim.user_id]
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "Accounts, sessions and messages of ${var.name}"
  engine               = var.engine.name
  engine_version       = var.engine.version
  node_type            = var.node_type
  parameter_group_name = aws_elasticache_parameter_group.this.name
  port                 = 6379

  num_node_groups            = local.cluster ? var.shards : null
  replicas_per_node_group    = local.cluster ? var.replicas : null
  num_cache_clusters         = local.cluster ? null : 1 + var.replicas
  automatic_failover_enabled = var.replicas > 0
  multi_az_enabled           = var.replicas > 0

  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]
  transit_encryption_enabled = true
  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn

  snapshot_retention_limit   = var.snapshot_days
  maintenance_window         = var.maintenance_window
  auto_minor_version_upgrade = true
}

locals {
  alarms = {
    memory = {
      metric  = "DatabaseMemoryUsagePercentage", statistic = "Maximum", above = 75
      meaning = "The store fills up. It evicts nothing: when it is full no message is accepted."
    }
    cpu = {
      metric  = "EngineCPUUtilization", statistic = "Average", above = 70
      meaning = "The store's one thread is busy: more shards, or fewer messages."
    }
    lag = {
      metric  = "ReplicationLag", statistic = "Maximum", above = 5
      meaning = "A replica is seconds behind: a failover would lose them unless messages are accepted on a replica."
    }
  }
  watched = var.alarm_topic_arns == null ? {} : {
    for pair in setproduct(keys(local.alarms), local.members) : "${pair[0]}-${pair[1]}" => { alarm = local.alarms[pair[0]], member = pair[1] }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.watched

  alarm_name          = "${var.name}-redis-${each.key}"
  alarm_description   = each.value.alarm.meaning
  namespace           = "AWS/ElastiCache"
  metric_name         = each.value.alarm.metric
  dimensions          = { CacheClusterId = each.value.member }
  statistic           = each.value.alarm.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.alarm.above
  period              = 60
  evaluation_periods  = 5
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  depends_on = [aws_elasticache_replication_group.this]
}
