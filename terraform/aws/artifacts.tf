# What the machines start from. A key has the checksum, so that a new program is a new
# object and a new launch template, and the old one can still be started.

resource "aws_s3_bucket" "artifacts" {
  bucket_prefix = "${var.name}-artifacts-"
  force_destroy = true # all of it can be built again
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket                  = aws_s3_bucket.artifacts.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "server" {
  bucket = aws_s3_bucket.artifacts.id
  key    = "cim-server/${filesha256(local.server_zip)}.zip"
  source = local.server_zip
}

resource "aws_s3_object" "zookeeper" {
  count = var.zookeeper == null ? 0 : 1

  bucket = aws_s3_bucket.artifacts.id
  key    = "zookeeper/${filesha256(var.zookeeper.archive)}.tar.gz"
  source = var.zookeeper.archive
}
