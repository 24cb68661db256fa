package iam

import "strings"

// globalKeys are condition keys that any statement may ask for, whatever its actions.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var globalKeys = strings.Fields(`
	aws:PrincipalArn aws:PrincipalAccount aws:PrincipalOrgPaths aws:PrincipalOrgID aws:PrincipalTag/${TagKey}
	aws:PrincipalIsAWSService aws:PrincipalServiceName aws:PrincipalServiceNamesList aws:PrincipalType aws:userid aws:username

	aws:AssumedRoot aws:FederatedProvider aws:TokenIssueTime aws:MultiFactorAuthAge aws:MultiFactorAuthPresent
	aws:ChatbotSourceArn aws:Ec2InstanceSourceVpc aws:Ec2InstanceSourcePrivateIPv4 aws:SourceIdentity ec2:RoleDelivery
	ec2:SourceInstanceArn glue:RoleAssumedBy glue:CredentialIssuingService codebuild:BuildArn codebuild:ProjectArn
	lambda:SourceFunctionArn ssm:SourceInstanceArn identitystore:UserId aws:SignInSessionArn

	aws:SourceIp aws:SourceVpc aws:SourceVpcArn aws:SourceVpce aws:VpceAccount aws:VpceOrgID aws:VpceOrgPaths aws:VpcSourceIp

	aws:ResourceAccount aws:ResourceOrgID aws:ResourceOrgPaths aws:ResourceTag/${TagKey}

	aws:CalledVia aws:CalledViaFirst aws:CalledViaLast aws:ViaAWSService aws:CalledViaAWSMCP aws:ViaAWSMCPService
	aws:CurrentTime aws:EpochTime aws:referer aws:RequestedRegion aws:RequestTag/${TagKey} aws:TagKeys aws:SecureTransport
	aws:SourceAccount aws:SourceArn aws:SourceOrgID aws:SourceOrgPaths aws:UserAgent aws:IsMcpServiceAction`)

func global(key string) bool { return hasKey(globalKeys, key) }
