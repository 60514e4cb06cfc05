# Who reaches nodes, and what nodes may do.

resource "aws_security_group" "this" {
  name        = "${var.name}-node"
  description = "Nodes"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-node" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.client_cidrs

  security_group_id = aws_security_group.this.id
  description       = "Clients"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.clients
  to_port           = local.clients
}

resource "aws_vpc_security_group_ingress_rule" "gossip" {
  for_each = toset(["tcp", "udp"])

  security_group_id            = aws_security_group.this.id
  description                  = "Gossip among nodes"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = each.value
  from_port                    = local.gossip
  to_port                      = local.gossip
}

resource "aws_vpc_security_group_ingress_rule" "seed" {
  for_each = local.doors

  security_group_id            = aws_security_group.this.id
  description                  = "The internal balancer: ${each.key}"
  referenced_security_group_id = aws_security_group.seed.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "routes" {
  for_each = var.routes

  security_group_id            = aws_security_group.this.id
  description                  = "Pushes from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.http
  to_port                      = local.http
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.this.id
  description       = "The route, AWS, gossip and ZooKeeper"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

data "aws_caller_identity" "current" {}

resource "aws_iam_role" "this" {
  for_each = local.groups

  name = each.value.role
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.groups

  name = "node"
  role = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "arn:aws:s3:::${var.artifact.bucket}/${var.artifact.key}"
      },
      {
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = compact([var.cluster_key_arn, each.value.identity_arn, try(var.tls.secret_arn, null)])
      },
      {
        Effect = "Allow"
        Action = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"]
        Resource = join(":", [
          "arn:aws:autoscaling", data.aws_region.current.region, data.aws_caller_identity.current.account_id,
          "autoScalingGroup:*:autoScalingGroupName/${each.value.name}",
        ])
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*"
      },
      ], var.tls == null ? [] : [{
        Effect   = "Allow"
        Action   = "route53:GetChange"
        Resource = "arn:aws:route53:::change/*"
        }], var.tls == null ? [] : [{
        Effect   = "Allow"
        Action   = "route53:ChangeResourceRecordSets"
        Resource = "arn:aws:route53:::hostedzone/${var.tls.zone_id}"
        Condition = {
          "ForAllValues:StringLike" = {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames" = ["i-*.${lower(var.tls.domain)}"]
          }
          "ForAllValues:StringEquals" = {
            "route53:ChangeResourceRecordSetsRecordTypes" = ["A"]
          }
        }
    }])
  })
}

resource "aws_iam_instance_profile" "this" {
  for_each = local.groups

  name = each.value.role
  role = aws_iam_role.this[each.key].name
}
