terraform {
  # 1.9: a variable's validation may look at other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.0: every resource takes a region, so that one provider serves all of them.
      version = ">= 6.0, < 7.0"
    }
  }
}
