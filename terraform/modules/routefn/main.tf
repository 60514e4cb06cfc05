# The route as a Lambda function behind an HTTP API. The function stands in the network,
# from where it reaches the store and the nodes; everybody reaches it by the API.

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

locals {
  function = "${var.name}-route"
  alias    = "live"

  secrets = compact([var.cluster_key_arn, var.route_key_arn, var.redis_password_arn, var.identity_arn, try(var.jwt.key_arn, null)])
}

resource "aws_lambda_function" "this" {
  function_name    = local.function
  description      = "CIM's route"
  role             = aws_iam_role.this.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  publish          = true
  memory_size      = var.memory
  # Every call inside has less, and the API waits 30 s.
  timeout                        = 10
  reserved_concurrent_executions = var.concurrency.reserved

  environment {
    # Names of secrets, which the function reads when an instance starts.
    variables = merge({
      CIM_REDIS       = var.redis_url
      CIM_CLUSTER_KEY = "secretsmanager:${var.cluster_key_arn}"
      CIM_ROUTE_KEY   = "secretsmanager:${var.route_key_arn}"
      CIM_RING        = "seed:${var.members}"
      CIM_AUTH        = var.auth
      CIM_ACK         = var.ack
      CIM_KEEP_DAYS   = var.retention.days
      CIM_KEEP_COUNT  = var.retention.messages
      CIM_LOG_FORMAT  = "json"
      }, var.redis_password_arn == null ? {} : {
      CIM_REDIS_PASSWORD = "secretsmanager:${var.redis_password_arn}"
      }, var.identity_arn == null ? {} : {
      CIM_IDENTITY = "secretsmanager:${var.identity_arn}"
      }, var.limits == null ? {} : {
      CIM_LIMITS = strcontains(var.limits, "=") ? "text:${var.limits}" : var.limits
      }, var.jwt == null ? {} : {
      CIM_JWT_ISSUER   = var.jwt.issuer
      CIM_JWT_AUDIENCE = var.jwt.audience
      CIM_JWT_NAME     = var.jwt.name
      }, try(var.jwt.key_arn, null) == null ? {} : {
      CIM_JWT_KEY = "secretsmanager:${var.jwt.key_arn}"
      }, try(var.jwt.jwks_url, null) == null ? {} : {
      CIM_JWT_JWKS       = var.jwt.jwks_url
      CIM_JWT_JWKS_STALE = "${var.jwt.stale_seconds}s"
      }, length(try(var.jwt.egress_allow, [])) == 0 ? {} : {
      CIM_EGRESS_ALLOW = join(",", var.jwt.egress_allow)
    })
  }
  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [aws_security_group.this.id]
  }
  logging_config {
    log_group  = aws_cloudwatch_log_group.function.name
    log_format = "Text" # the program writes JSON itself
  }

  depends_on = [aws_iam_role_policy.this]
}

# What the API calls: a version that has been published, and the one before it while the
# new one's provisioned instances start.
resource "aws_lambda_alias" "live" {
  name             = local.alias
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  count = var.concurrency.provisioned > 0 ? 1 : 0

  function_name                     = aws_lambda_function.this.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = var.concurrency.provisioned
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/cim/${var.name}/route"
  retention_in_days = var.log_days
}

resource "aws_security_group" "this" {
  name        = "${var.name}-route"
  description = "The route's function: nobody connects to it"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-route" }
}

resource "aws_vpc_security_group_egress_rule" "all" {
  for_each = { redis = 6379, nodes = var.node_port, aws = 443 }

  security_group_id = aws_security_group.this.id
  description       = "To ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_iam_role" "this" {
  name = local.function
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "route"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = local.secrets
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.function.arn}:*"
      },
      {
        # Lambda's own, for its foot in the network; AWS takes no narrower resource.
        Effect   = "Allow"
        Action   = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
        Resource = "*"
      },
      {
        # And not for the program in it.
        Effect   = "Deny"
        Action   = ["ec2:*"]
        Resource = "*"
        Condition = {
          ArnEquals = {
            "lambda:SourceFunctionArn" = "arn:aws:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${local.function}"
          }
        }
      },
    ]
  })
}
