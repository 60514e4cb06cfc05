# Before there were groups of one, these had no key.

moved {
  from = aws_launch_template.this
  to   = aws_launch_template.this[""]
}

moved {
  from = aws_autoscaling_group.this
  to   = aws_autoscaling_group.this[""]
}

moved {
  from = aws_autoscaling_policy.cpu
  to   = aws_autoscaling_policy.cpu[""]
}

moved {
  from = aws_cloudwatch_metric_alarm.few[0]
  to   = aws_cloudwatch_metric_alarm.few[""]
}

moved {
  from = aws_iam_role.this
  to   = aws_iam_role.this[""]
}

moved {
  from = aws_iam_role_policy.this
  to   = aws_iam_role_policy.this[""]
}

moved {
  from = aws_iam_instance_profile.this
  to   = aws_iam_instance_profile.this[""]
}
