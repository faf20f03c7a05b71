locals {
  # Signers are told apart by region, so that one that is taken over signs nowhere else.
  roles = merge(
    { for role in ["planner", "applier"] : role => { role = role, region = var.primary_region } },
    { for r in var.regions : "signer-${r}" => { role = "signer", region = r } },
  )

  policies = {
    for key, it in local.roles : key => replace(
      templatefile("${path.module}/../${local.files[it.role]}", merge(local.names, {
        region         = it.region
        signing_bucket = it.role == "signer" ? "${var.name}-signing-${it.region}" : local.names.signing_bucket
      })),
      "arn:aws:", "arn:${local.partition}:",
    )
  }
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name                 = "${var.name}-${each.key}"
  description          = "rotator's ${each.value.role}"
  max_session_duration = 3600
  assume_role_policy = templatefile("${path.module}/../trust.json", {
    trusted     = join("\", \"", var.trusted[each.value.role])
    external_id = var.external_id
  })
}

# As policies of their own, so that a workload's own role can have the signer's, too.
resource "aws_iam_policy" "this" {
  for_each = local.roles

  name        = "${var.name}-${each.key}"
  description = "What rotator's ${each.value.role} needs, and no more"
  policy      = local.policies[each.key]
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.roles

  role       = aws_iam_role.this[each.key].name
  policy_arn = aws_iam_policy.this[each.key].arn
}
