output "url" {
  description = "URL of the route, for clients and nodes."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "security_group_id" {
  description = "Id of the function's security group."
  value       = aws_security_group.this.id
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}
