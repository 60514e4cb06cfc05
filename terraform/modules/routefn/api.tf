# The HTTP API: one stage without a name and one route for everything.

resource "aws_apigatewayv2_api" "this" {
  name          = local.function
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "this" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.live.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 15000
}

resource "aws_apigatewayv2_route" "this" {
  api_id    = aws_apigatewayv2_api.this.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.this.id}"
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/cim/${var.name}/api"
  retention_in_days = var.log_days
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.rate.limit
    throttling_burst_limit = var.rate.burst
  }
  # No header and no query: tokens and names stay out of the log.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format = jsonencode({
      id      = "$context.requestId"
      method  = "$context.httpMethod"
      path    = "$context.path"
      status  = "$context.status"
      ms      = "$context.responseLatency"
      failure = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*"
}

locals {
  alarms = {
    errors = {
      namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = local.function }, above = 5
      meaning   = "The route's function fails: see its log."
    }
    throttles = {
      namespace = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = local.function }, above = 0
      meaning   = "The route's function has no instance left: raise concurrency.reserved or the account's limit."
    }
    unavailable = {
      namespace = "AWS/ApiGateway", metric = "5xx", dimensions = { ApiId = aws_apigatewayv2_api.this.id }, above = 20
      meaning   = "The route answers that it cannot serve: most often the store is away."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = var.alarm_topic_arns == null ? {} : local.alarms

  alarm_name          = "${var.name}-route-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
