# The secrets of a cluster, made by Secrets Manager itself. They pass through this
# module as ephemeral values into write-only arguments: neither the state nor a plan
# has one of them.

locals {
  purposes = {
    cluster-key    = "Shared by nodes and routes: gossip, member records and the service token are derived from it."
    route-key      = "Of the routes alone: signs tickets and tokens."
    redis-password = "Of the routes alone: the store."
  }
}

# Keys and certificates of processes are made by the operator (cim cluster), whose own key
# is in no account. A secret for each process; what is in it passes through as above.
locals {
  identities = var.identities == null ? {} : merge(
    { for id in var.identities.nodes : id => "Key and certificate of the node ${id} alone." },
    { (var.identities.route) = "Key and certificate of the routes alone." },
  )
}

resource "aws_secretsmanager_secret" "identity" {
  for_each = local.identities

  name                    = "${var.name}/identity/${each.key}"
  description             = each.value
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_version" "identity" {
  for_each = local.identities

  secret_id                = aws_secretsmanager_secret.identity[each.key].id
  secret_string_wo         = var.identity_files[each.key]
  secret_string_wo_version = var.identities.generation
}

# The certificate of the nodes for clients, if it does not have a secret elsewhere. The
# secret is that of modules/node: JSON with certificate and key.
resource "aws_secretsmanager_secret" "certificate" {
  count = var.certificate_generation == null ? 0 : 1

  name                    = "${var.name}/certificate"
  description             = "Wildcard certificate and key of the nodes: what clients and routes see."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_version" "certificate" {
  count = var.certificate_generation == null ? 0 : 1

  secret_id                = aws_secretsmanager_secret.certificate[0].id
  secret_string_wo         = var.certificate_files == null ? null : jsonencode(var.certificate_files)
  secret_string_wo_version = var.certificate_generation
}

ephemeral "aws_secretsmanager_random_password" "new" {
  for_each = local.purposes

  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "this" {
  for_each = local.purposes

  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.purposes

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.new[each.key].random_password
  secret_string_wo_version = var.generation
}

# Read back, since what was random above is another in each run.
ephemeral "aws_secretsmanager_secret_version" "redis_password" {
  secret_id  = aws_secretsmanager_secret.this["redis-password"].id
  version_id = aws_secretsmanager_secret_version.this["redis-password"].version_id
}
