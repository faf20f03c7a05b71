# rotator makes and deletes the signing keys itself. Only the key that wraps private halves is made here.

resource "aws_kms_key" "wrapping" {
  count = var.keys == "kms-wrapped" ? 1 : 0

  region                  = var.primary_region
  description             = "Wraps the private halves of rotator's signing keys"
  multi_region            = true
  enable_key_rotation     = true
  deletion_window_in_days = 30

  # Without it no wrapped private half can ever be used again.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_replica_key" "wrapping" {
  for_each = var.keys == "kms-wrapped" ? setsubtract(var.regions, [var.primary_region]) : toset([])

  region                  = each.value
  description             = "Wraps the private halves of rotator's signing keys"
  primary_key_arn         = aws_kms_key.wrapping[0].arn
  deletion_window_in_days = 30

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "wrapping" {
  for_each = var.keys == "kms-wrapped" ? var.regions : toset([])

  region        = each.value
  name          = var.wrapping_alias
  target_key_id = each.value == var.primary_region ? aws_kms_key.wrapping[0].arn : aws_kms_replica_key.wrapping[each.value].arn
}
