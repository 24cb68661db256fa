package iam

// keysAToK are what each page says in its table of actions, in rows without a resource type.
var keysAToK = []keyRow{
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
	{"cloudformation", "aws:RequestTag/${TagKey}", `CreateChangeSet CreateStack CreateStackSet TagResource UpdateStack UpdateStackSet`},
	{"cloudformation", "aws:TagKeys", `
		CreateChangeSet CreateStack CreateStackInstances CreateStackSet TagResource UntagResource UpdateStack
		UpdateStackSet`},
	{"cloudformation", "cloudformation:ChangeSetName", `CreateChangeSet DeleteChangeSet DescribeChangeSet DescribeChangeSetHooks ExecuteChangeSet ListHookResults`},
	{"cloudformation", "cloudformation:CreateAction", "TagResource UntagResource"},
	{"cloudformation", "cloudformation:ImportResourceTypes", "CreateChangeSet"},
	{"cloudformation", "cloudformation:ResourceTypes", "CreateChangeSet CreateStack UpdateStack"},
	{"cloudformation", "cloudformation:RoleArn", `
		ContinueUpdateRollback CreateChangeSet CreateStack CreateStackSet DeleteStack RollbackStack UpdateStack
		UpdateStackSet`},
	{"cloudformation", "cloudformation:StackPolicyUrl", "CreateChangeSet CreateStack SetStackPolicy UpdateStack"},
	{"cloudformation", "cloudformation:TargetRegion", `CreateStackInstances DeleteStackInstances UpdateStackInstances UpdateStackSet`},
	{"cloudformation", "cloudformation:TemplateUrl", `
		CreateChangeSet CreateStack CreateStackSet EstimateTemplateCost GetTemplateSummary UpdateStack UpdateStackSet
		ValidateTemplate`},
	{"cloudformation", "cloudformation:TypeArn", "GetHookResult ListAllHookResults"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
	{"cloudwatch", "aws:RequestTag/${TagKey}", `
		CreateServiceLevelObjective ListManagedInsightRules PutAlarmMuteRule PutCompositeAlarm PutInsightRule
		PutManagedInsightRules PutMetricAlarm PutMetricStream TagResource`},
	{"cloudwatch", "aws:TagKeys", `
		CreateServiceLevelObjective ListManagedInsightRules PutAlarmMuteRule PutCompositeAlarm PutInsightRule
		PutManagedInsightRules PutMetricAlarm PutMetricStream TagResource UntagResource`},
	{"cloudwatch", "cloudwatch:AlarmActions", "PutCompositeAlarm PutMetricAlarm"},
	{"cloudwatch", "cloudwatch:namespace", "PutMetricData"},
	{"cloudwatch", "cloudwatch:requestInsightRuleLogGroups", "PutInsightRule"},
	{"cloudwatch", "cloudwatch:requestManagedResourceARNs", "ListManagedInsightRules PutManagedInsightRules"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
	{"dynamodb", "aws:RequestTag/${TagKey}", "CreateTable TagResource"},
	{"dynamodb", "aws:TagKeys", "CreateTable TagResource UntagResource"},
	{"dynamodb", "dynamodb:Attributes", `
		BatchGetItem BatchWriteItem ConditionCheckItem DeleteItem GetItem PartiQLDelete PartiQLInsert PartiQLSelect
		PartiQLUpdate PutItem Query Scan UpdateItem`},
	{"dynamodb", "dynamodb:EnclosingOperation", `DeleteItem GetItem PartiQLDelete PartiQLInsert PartiQLSelect PartiQLUpdate PutItem UpdateItem`},
	{"dynamodb", "dynamodb:FisActionId dynamodb:FisTargetArns", "InjectError"},
	{"dynamodb", "dynamodb:FullTableScan", "PartiQLSelect"},
	{"dynamodb", "dynamodb:LeadingKeys", `
		BatchGetItem BatchWriteItem ConditionCheckItem DeleteItem GetItem PartiQLDelete PartiQLInsert PartiQLSelect
		PartiQLUpdate PutItem Query UpdateItem`},
	{"dynamodb", "dynamodb:ReturnConsumedCapacity", `BatchGetItem BatchWriteItem ConditionCheckItem DeleteItem GetItem PutItem Query Scan UpdateItem`},
	{"dynamodb", "dynamodb:ReturnValues", `ConditionCheckItem DeleteItem PartiQLDelete PartiQLUpdate PutItem Query Scan UpdateItem`},
	{"dynamodb", "dynamodb:Select", "BatchGetItem GetItem PartiQLSelect Query Scan"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
	{"ec2", "ec2:Attribute/${AttributeName}", "ModifyInstanceMetadataDefaults"},
	{"ec2", "ec2:CreateAction", "CreateTags"},
	{"ec2", "ec2:FisActionId ec2:FisTargetArns", "InjectApiError"},
	{"ec2", "ec2:Region", "*"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancing.html
	{"elasticloadbalancing", "aws:RequestTag/${TagKey} aws:TagKeys", `AddTags CreateListener CreateLoadBalancer CreateRule CreateTargetGroup CreateTrustStore RemoveTags`},
	{"elasticloadbalancing", "elasticloadbalancing:CreateAction", "AddTags"},
	{"elasticloadbalancing", "elasticloadbalancing:ListenerProtocol", "CreateListener CreateLoadBalancerListeners ModifyListener"},
	{"elasticloadbalancing", "elasticloadbalancing:Scheme", "CreateLoadBalancer"},
	{"elasticloadbalancing", "elasticloadbalancing:SecurityGroup", `ApplySecurityGroupsToLoadBalancer CreateLoadBalancer SetSecurityGroups`},
	{"elasticloadbalancing", "elasticloadbalancing:SecurityPolicy", `CreateListener CreateLoadBalancerPolicy ModifyListener SetLoadBalancerPoliciesOfListener`},
	{"elasticloadbalancing", "elasticloadbalancing:Subnet", "AttachLoadBalancerToSubnets CreateLoadBalancer SetSubnets"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
	{"events", "aws:RequestTag/${TagKey}", "CreateEventBus PutRule TagResource"},
	{"events", "aws:TagKeys", "CreateEventBus PutRule TagResource UntagResource"},
	{"events", "events:EventBusArn", "CreateEndpoint UpdateEndpoint"},
	{"events", "events:ManagedBy", `DeleteRule DisableRule EnableRule PutRule PutTargets RemoveTargets`},
	{"events", "events:TargetArn", "PutTargets"},
	{"events", "events:creatorAccount", `
		DeleteRule DescribeRule DisableRule EnableRule ListTagsForResource ListTargetsByRule PutRule PutTargets
		RemoveTargets TagResource UntagResource`},
	{"events", "events:detail-type events:source", "PutEvents PutRule"},
	{"events", `events:detail.eventTypeCode events:detail.service events:detail.userIdentity.principalId`, "PutRule"},
	{"events", "events:eventBusInvocation", "PutEvents"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
	{"iam", "aws:RequestTag/${TagKey}", `
		CreateInstanceProfile CreateOpenIDConnectProvider CreatePolicy CreateRole CreateSAMLProvider CreateUser
		CreateVirtualMFADevice TagInstanceProfile TagMFADevice TagOpenIDConnectProvider TagPolicy TagRole
		TagSAMLProvider TagServerCertificate TagUser UploadServerCertificate`},
	{"iam", "aws:TagKeys", `
		CreateInstanceProfile CreateOpenIDConnectProvider CreatePolicy CreateRole CreateSAMLProvider CreateUser
		CreateVirtualMFADevice TagInstanceProfile TagMFADevice TagOpenIDConnectProvider TagPolicy TagRole
		TagSAMLProvider TagServerCertificate TagUser UntagInstanceProfile UntagMFADevice UntagOpenIDConnectProvider
		UntagPolicy UntagRole UntagSAMLProvider UntagServerCertificate UntagUser UploadServerCertificate`},
	{"iam", "iam:AWSServiceName", "CreateServiceLinkedRole"},
	{"iam", "iam:AssociatedResourceArn iam:PassedToService", "PassRole"},
	{"iam", `iam:DelegationDuration iam:NotificationChannel iam:TemplateArn`, "CreateDelegationRequest"},
	{"iam", "iam:DelegationRequestOwner", "ListDelegationRequests"},
	{"iam", `
		iam:FIDO-FIPS-140-2-certification iam:FIDO-FIPS-140-3-certification iam:FIDO-certification
		iam:RegisterSecurityKey`, "EnableMFADevice"},
	{"iam", "iam:OrganizationsPolicyId", "GenerateOrganizationsAccessReport"},
	{"iam", "iam:PermissionsBoundary", `
		AttachRolePolicy AttachUserPolicy CreateRole CreateUser DeleteRole DeleteRolePermissionsBoundary
		DeleteRolePolicy DeleteUserPermissionsBoundary DeleteUserPolicy DetachRolePolicy DetachUserPolicy GetRole
		PutRolePermissionsBoundary PutRolePolicy PutUserPermissionsBoundary PutUserPolicy UpdateAssumeRolePolicy
		UpdateRole UpdateRoleDescription`},
	{"iam", "iam:PolicyARN", `AttachGroupPolicy AttachRolePolicy AttachUserPolicy DetachGroupPolicy DetachRolePolicy DetachUserPolicy`},
	{"iam", "iam:ServiceSpecificCredentialAgeDays", "CreateServiceSpecificCredential"},
	{"iam", "iam:ServiceSpecificCredentialServiceName", `
		CreateServiceSpecificCredential DeleteServiceSpecificCredential ResetServiceSpecificCredential
		UpdateServiceSpecificCredential`},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
	{"kms", "aws:RequestTag/${TagKey}", "CreateKey TagResource"},
	{"kms", `aws:ResourceTag/${TagKey} kms:KeyOrigin kms:KeySpec kms:KeyUsage kms:MultiRegion kms:MultiRegionKeyType`, "CreateKey"},
	{"kms", "aws:TagKeys", "CreateKey TagResource UntagResource"},
	{"kms", "kms:BypassPolicyLockoutSafetyCheck", "CreateKey PutKeyPolicy"},
	{"kms", "kms:CallerAccount", "*"},
	{"kms", "kms:DataKeyPairSpec", "GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext"},
	{"kms", "kms:EncryptionAlgorithm", `
		Decrypt Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext
		GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo`},
	{"kms", `kms:EncryptionContext:${EncryptionContextKey} kms:EncryptionContextKeys`, `
		CreateGrant Decrypt Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext
		GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo RetireGrant`},
	{"kms", "kms:ExpirationModel kms:ValidTo", "ImportKeyMaterial"},
	{"kms", "kms:GrantConstraintType", "CreateGrant RetireGrant"},
	{"kms", "kms:GrantIsForAWSResource", "CreateGrant ListGrants RevokeGrant"},
	{"kms", `kms:GrantOperations kms:GranteePrincipal kms:RetiringPrincipal`, "CreateGrant"},
	{"kms", "kms:KeyAgreementAlgorithm", "DeriveSharedSecret"},
	{"kms", "kms:MacAlgorithm", "GenerateMac VerifyMac"},
	{"kms", "kms:MessageType kms:SigningAlgorithm", "Sign Verify"},
	{"kms", "kms:PrimaryRegion", "UpdatePrimaryRegion"},
	{"kms", "kms:ReEncryptOnSameKey", "ReEncryptFrom ReEncryptTo"},
	{"kms", "kms:RecipientAttestation:${Measurement}", `Decrypt DeriveSharedSecret GenerateDataKey GenerateDataKeyPair GenerateRandom`},
	{"kms", "kms:ReplicaRegion", "ReplicateKey"},
	{"kms", "kms:RequestAlias", `
		Decrypt DeriveSharedSecret DescribeKey Encrypt GenerateDataKey GenerateDataKeyPair
		GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext GenerateMac GetPublicKey ReEncryptFrom
		ReEncryptTo Sign Verify VerifyMac`},
	{"kms", "kms:RotationPeriodInDays", "EnableKeyRotation"},
	{"kms", "kms:ScheduleKeyDeletionPendingWindowInDays", "ScheduleKeyDeletion"},
	{"kms", "kms:ViaService", `
		CancelKeyDeletion CreateAlias CreateGrant CreateKey Decrypt DeleteAlias DeleteImportedKeyMaterial
		DeriveSharedSecret DescribeKey DisableKey DisableKeyRotation EnableKey EnableKeyRotation Encrypt GenerateDataKey
		GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext GenerateMac GetKeyPolicy
		GetKeyRotationStatus GetParametersForImport GetPublicKey ImportKeyMaterial ListGrants ListKeyPolicies
		ListKeyRotations ListResourceTags PutKeyPolicy ReEncryptFrom ReEncryptTo ReplicateKey RetireGrant RevokeGrant
		RotateKeyOnDemand ScheduleKeyDeletion Sign TagResource UntagResource UpdateAlias UpdateKeyDescription
		UpdatePrimaryRegion Verify VerifyMac`},
	{"kms", "kms:WrappingAlgorithm kms:WrappingKeySpec", "GetParametersForImport"},
}
