package iam

// keysLToZ goes on from keysAToK. aws:SourceOwner is what SNS writes into the policy of a new topic.
var keysLToZ = []keyRow{
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
	{"lambda", "aws:RequestTag/${TagKey}", `CreateCapacityProvider CreateCodeSigningConfig CreateEventSourceMapping CreateFunction TagResource`},
	{"lambda", "aws:TagKeys", `CreateCapacityProvider CreateCodeSigningConfig CreateEventSourceMapping CreateFunction TagResource UntagResource`},
	{"lambda", "lambda:CodeSigningConfigArn", "CreateFunction PutFunctionCodeSigningConfig"},
	{"lambda", "lambda:EventSourceToken", "InvokeFunction InvokeFunctionUrl"},
	{"lambda", "lambda:FunctionArn", `
		CreateEventSourceMapping CreateFunctionUrlConfig DeleteEventSourceMapping DeleteFunctionUrlConfig
		GetEventSourceMapping GetFunctionUrlConfig InvokeFunctionUrl UpdateEventSourceMapping UpdateFunctionUrlConfig`},
	{"lambda", "lambda:FunctionUrlAuthType", `
		AddPermission CreateFunctionUrlConfig DeleteFunctionUrlConfig GetFunctionUrlConfig InvokeFunctionUrl
		ListFunctionUrlConfigs RemovePermission UpdateFunctionUrlConfig`},
	{"lambda", "lambda:InvokedViaFunctionUrl", "InvokeFunction"},
	{"lambda", "lambda:Layer lambda:VpcIds", "CreateFunction UpdateFunctionConfiguration"},
	{"lambda", "lambda:Principal", "AddPermission RemovePermission"},
	{"lambda", "lambda:SecurityGroupIds lambda:SubnetIds", `CreateCapacityProvider CreateFunction UpdateFunctionConfiguration`},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
	{"logs", "aws:RequestTag/${TagKey}", `
		CreateDelivery CreateLogAnomalyDetector CreateLogGroup CreateLookupTable CreateScheduledQuery
		PutDeliveryDestination PutDeliverySource PutDestination TagLogGroup TagResource UpdateDeliveryConfiguration`},
	{"logs", "aws:TagKeys", `
		CreateDelivery CreateLogAnomalyDetector CreateLogGroup CreateLookupTable CreateScheduledQuery
		PutDeliveryDestination PutDeliverySource PutDestination TagLogGroup TagResource UntagLogGroup UntagResource
		UpdateDeliveryConfiguration`},
	{"logs", "logs:DeliveryDestinationResourceArn", "PutDeliveryDestination"},
	{"logs", "logs:LogGeneratingResourceArns", "PutDeliverySource"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
	{"rds", "aws:RequestTag/${TagKey} aws:TagKeys", `
		AddTagsToResource CopyDBClusterParameterGroup CopyDBClusterSnapshot CopyDBParameterGroup CopyDBSnapshot
		CopyOptionGroup CreateBlueGreenDeployment CreateCustomDBEngineVersion CreateDBCluster CreateDBClusterEndpoint
		CreateDBClusterParameterGroup CreateDBClusterSnapshot CreateDBInstance CreateDBInstanceReadReplica
		CreateDBParameterGroup CreateDBProxy CreateDBProxyEndpoint CreateDBSecurityGroup CreateDBShardGroup
		CreateDBSnapshot CreateDBSubnetGroup CreateEventSubscription CreateGlobalCluster CreateIntegration
		CreateOptionGroup CreateTenantDatabase PurchaseReservedDBInstancesOffering RemoveTagsFromResource
		RestoreDBClusterFromS3 RestoreDBClusterFromSnapshot RestoreDBClusterToPointInTime
		RestoreDBInstanceFromDBSnapshot RestoreDBInstanceFromS3 RestoreDBInstanceToPointInTime
		StartDBInstanceAutomatedBackupsReplication`},
	{"rds", "rds:BackupTarget", `CreateDBInstance CreateDBSnapshot RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime`},
	{"rds", "rds:CopyOptionGroup", "CopyDBSnapshot"},
	{"rds", "rds:DatabaseClass rds:Piops rds:StorageSize", `
		CreateBlueGreenDeployment CreateDBCluster ModifyDBCluster RestoreDBClusterFromSnapshot
		RestoreDBClusterToPointInTime`},
	{"rds", "rds:DatabaseEngine rds:DatabaseName rds:StorageEncrypted", `CreateBlueGreenDeployment CreateDBCluster RestoreDBClusterFromS3`},
	{"rds", "rds:EndpointType", "CreateDBClusterEndpoint"},
	{"rds", "rds:ManageMasterUserPassword", `
		CreateDBCluster CreateDBInstance CreateTenantDatabase ModifyDBCluster ModifyDBInstance ModifyTenantDatabase
		RestoreDBClusterFromS3 RestoreDBInstanceFromDBSnapshot RestoreDBInstanceFromS3 RestoreDBInstanceToPointInTime`},
	{"rds", `
		rds:MultiAz rds:Vpc rds:cluster-pg-tag/${TagKey} rds:cluster-tag/${TagKey} rds:db-tag/${TagKey}
		rds:pg-tag/${TagKey}`, "CreateBlueGreenDeployment"},
	{"rds", "rds:PubliclyAccessible", `
		CreateDBInstance CreateDBInstanceReadReplica CreateDBShardGroup RestoreDBInstanceFromDBSnapshot
		RestoreDBInstanceFromS3 RestoreDBInstanceToPointInTime`},
	{"rds", "rds:TagsFromRequest", "AddTagsToResource"},
	{"rds", "rds:TenantDatabaseName", "CreateTenantDatabase ModifyTenantDatabase"},
	{"rds", "rds:req-tag/${TagKey}", `
		AddTagsToResource CopyDBClusterParameterGroup CopyDBClusterSnapshot CopyDBParameterGroup CopyDBSnapshot
		CopyOptionGroup CreateBlueGreenDeployment CreateCustomDBEngineVersion CreateDBCluster CreateDBClusterEndpoint
		CreateDBClusterParameterGroup CreateDBClusterSnapshot CreateDBInstance CreateDBInstanceReadReplica
		CreateDBParameterGroup CreateDBSecurityGroup CreateDBShardGroup CreateDBSnapshot CreateDBSubnetGroup
		CreateEventSubscription CreateGlobalCluster CreateIntegration CreateOptionGroup CreateTenantDatabase
		PurchaseReservedDBInstancesOffering RemoveTagsFromResource RestoreDBClusterFromS3 RestoreDBClusterFromSnapshot
		RestoreDBClusterToPointInTime RestoreDBInstanceFromDBSnapshot RestoreDBInstanceFromS3
		RestoreDBInstanceToPointInTime StartDBInstanceAutomatedBackupsReplication`},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
	{"s3", "aws:RequestTag/${TagKey}", `CreateAccessPoint CreateBucket CreateJob CreateStorageLensGroup PutStorageLensConfiguration TagResource`},
	{"s3", "aws:ResourceTag/${TagKey}", "GetAccessPoint"},
	{"s3", "aws:TagKeys", `
		CreateAccessPoint CreateBucket CreateJob CreateStorageLensGroup PutStorageLensConfiguration TagResource
		UntagResource`},
	{"s3", "s3:AccessGrantScope", "CreateAccessGrant DeleteAccessGrant GetAccessGrant"},
	{"s3", "s3:AccessGrantsInstanceArn", `
		AbortMultipartUpload DeleteObject DeleteObjectVersion GetObject GetObjectAcl GetObjectVersion
		GetObjectVersionAcl ListBucket ListBucketMultipartUploads ListBucketVersions ListMultipartUploadParts PutObject
		PutObjectAcl PutObjectVersionAcl`},
	{"s3", "s3:AccessGrantsLocationScope", `CreateAccessGrantsLocation DeleteAccessGrantsLocation GetAccessGrantsLocation UpdateAccessGrantsLocation`},
	{"s3", `s3:AccessPointNetworkOrigin s3:DataAccessPointAccount s3:DataAccessPointArn`, `
		CreateAccessPointForObjectLambda CreateMultiRegionAccessPoint DeleteAccessPointForObjectLambda
		DeleteAccessPointPolicyForObjectLambda DeleteMultiRegionAccessPoint GetAccessPoint
		GetAccessPointConfigurationForObjectLambda GetAccessPointForObjectLambda GetAccessPointPolicyForObjectLambda
		GetAccessPointPolicyStatusForObjectLambda GetMultiRegionAccessPoint GetMultiRegionAccessPointPolicy
		GetMultiRegionAccessPointPolicyStatus GetMultiRegionAccessPointRoutes ListBucketMultipartUploads
		PutAccessPointConfigurationForObjectLambda PutAccessPointPolicyForObjectLambda PutMultiRegionAccessPointPolicy
		SubmitMultiRegionAccessPointRoutes`},
	{"s3", "s3:AccessPointTag/${TagKey}", "GetAccessPoint ListBucketMultipartUploads"},
	{"s3", "s3:ExistingJobOperation s3:ExistingJobPriority", `DeleteJobTagging PutJobTagging UpdateJobPriority UpdateJobStatus`},
	{"s3", "s3:ExistingObjectTag/${TagKey}", `
		DeleteObjectTagging DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes GetObjectTagging
		GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionTagging PutObjectAcl
		PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging`},
	{"s3", "s3:InventoryAccessibleOptionalFields", "PutInventoryConfiguration"},
	{"s3", "s3:JobSuspendedCause", "UpdateJobStatus"},
	{"s3", "s3:ObjectCreationOperation s3:if-none-match", "PutObject"},
	{"s3", "s3:RequestJobOperation", "CreateJob"},
	{"s3", "s3:RequestJobPriority", "CreateJob UpdateJobPriority"},
	{"s3", "s3:RequestObjectTag/${TagKey} s3:RequestObjectTagKeys", `BypassGovernanceRetention PutObject PutObjectTagging PutObjectVersionTagging`},
	{"s3", `s3:ResourceAccount s3:TlsVersion s3:authType s3:signatureAge s3:signatureversion s3:x-amz-content-sha256`, "*"},
	{"s3", "s3:delimiter s3:max-keys s3:prefix", "ListBucket ListBucketVersions"},
	{"s3", "s3:destinationRegion", "PauseReplication"},
	{"s3", "s3:if-match", "DeleteObject PutObject"},
	{"s3", "s3:isReplicationPauseRequest", "PutReplicationConfiguration"},
	{"s3", "s3:locationconstraint", "CreateAccessPoint CreateBucket"},
	{"s3", "s3:object-lock-legal-hold", "PutObject PutObjectLegalHold"},
	{"s3", `s3:object-lock-mode s3:object-lock-remaining-retention-days s3:object-lock-retain-until-date`, "PutObject PutObjectRetention"},
	{"s3", "s3:versionid", `
		DeleteObjectVersion DeleteObjectVersionTagging GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes
		GetObjectVersionTagging GetObjectVersionTorrent PutObjectVersionAcl PutObjectVersionTagging`},
	{"s3", "s3:x-amz-acl", `BypassGovernanceRetention CreateAccessPoint CreateBucket PutBucketAcl PutObject PutObjectAcl PutObjectVersionAcl`},
	{"s3", "s3:x-amz-bucket-namespace s3:x-amz-object-ownership", "CreateBucket"},
	{"s3", `s3:x-amz-copy-source s3:x-amz-metadata-directive s3:x-amz-website-redirect-location`, "BypassGovernanceRetention PutObject"},
	{"s3", `
		s3:x-amz-grant-full-control s3:x-amz-grant-read s3:x-amz-grant-read-acp s3:x-amz-grant-write
		s3:x-amz-grant-write-acp`, `BypassGovernanceRetention CreateBucket PutBucketAcl PutObject PutObjectAcl PutObjectVersionAcl`},
	{"s3", `s3:x-amz-server-side-encryption s3:x-amz-server-side-encryption-aws-kms-key-id`, `BypassGovernanceRetention PutObject ReplicateObject UpdateObjectEncryption`},
	{"s3", "s3:x-amz-server-side-encryption-customer-algorithm", "BypassGovernanceRetention PutObject ReplicateObject"},
	{"s3", "s3:x-amz-storage-class", `BypassGovernanceRetention PutObject PutObjectAcl PutObjectVersionAcl`},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html
	{"scheduler", "aws:RequestTag/${TagKey}", "CreateScheduleGroup TagResource"},
	{"scheduler", "aws:ResourceTag/${TagKey}", "CreateSchedule DeleteSchedule GetSchedule UpdateSchedule"},
	{"scheduler", "aws:TagKeys", "CreateScheduleGroup TagResource UntagResource"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html
	{"servicequotas", "aws:RequestTag/${TagKey}", "TagResource"},
	{"servicequotas", "aws:TagKeys", "TagResource UntagResource"},
	{"servicequotas", "servicequotas:service", `
		GetServiceQuota GetServiceQuotaIncreaseRequestFromTemplate ListRequestedServiceQuotaChangeHistoryByQuota
		PutServiceQuotaIncreaseRequestIntoTemplate RequestServiceQuotaIncrease`},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
	{"sns", "aws:RequestTag/${TagKey}", "CreateTopic TagResource"},
	{"sns", "aws:SourceOwner", "*"},
	{"sns", "aws:TagKeys", "CreateTopic TagResource UntagResource"},
	{"sns", "sns:Endpoint sns:Protocol", "Subscribe"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
	{"sqs", "aws:RequestTag/${TagKey}", "CreateQueue TagQueue"},
	{"sqs", "aws:TagKeys", "CreateQueue TagQueue UntagQueue"},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
	{"states", "aws:RequestTag/${TagKey}", `CreateActivity CreateStateMachine TagResource UpdateStateMachine`},
	{"states", "aws:TagKeys", `CreateActivity CreateStateMachine TagResource UntagResource UpdateStateMachine`},
	{"states", "states:StateMachineQualifier", `
		CreateStateMachineAlias DeleteStateMachineAlias DeleteStateMachineVersion DescribeStateMachine
		DescribeStateMachineAlias ListExecutions ListStateMachineAliases StartExecution StartSyncExecution
		UpdateStateMachineAlias`},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
	{"sts", `
		accounts.google.com:aud accounts.google.com:sub cognito-identity.amazonaws.com:amr
		cognito-identity.amazonaws.com:aud cognito-identity.amazonaws.com:sub graph.facebook.com:app_id
		graph.facebook.com:id www.amazon.com:app_id www.amazon.com:user_id`, "AssumeRole AssumeRoleWithWebIdentity"},
	{"sts", "accounts.google.com:oaud", "AssumeRoleWithWebIdentity"},
	{"sts", "aws:RequestTag/${TagKey} aws:TagKeys", `
		AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity GetFederationToken GetWebIdentityToken
		TagGetWebIdentityToken TagSession`},
	{"sts", "saml:${Attribute}", "AssumeRole AssumeRoleWithSAML TagSession"},
	{"sts", "sts:AWSServiceName", "GetServiceBearerToken"},
	{"sts", "sts:DurationSeconds", "GetServiceBearerToken GetWebIdentityToken"},
	{"sts", "sts:ExternalId", "AssumeRole"},
	{"sts", "sts:IdentityTokenAudience sts:SigningAlgorithm", "GetWebIdentityToken"},
	{"sts", "sts:RequestContext/${ContextKey} sts:RequestContextProviders", "SetContext"},
	{"sts", "sts:RoleSessionName", "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity"},
	{"sts", "sts:SourceIdentity", `AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity SetSourceIdentity`},
	{"sts", "sts:TaskPolicyArn", "AssumeRoot"},
	{"sts", "sts:TransitiveTagKeys", `AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity TagSession`},
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
	{"xray", "aws:RequestTag/${TagKey}", "CreateGroup CreateSamplingRule TagResource"},
	{"xray", "aws:TagKeys", "CreateGroup CreateSamplingRule TagResource UntagResource"},
	{"xray", "logs:LogGeneratingResourceArns", "PutSpans PutTraceSegments"},
	{"xray", "xray:ResourcePolicyName", "DeleteResourcePolicy PutResourcePolicy"},
	{"xray", "xray:TraceSegmentDestination", "UpdateTraceSegmentDestination"},
}
