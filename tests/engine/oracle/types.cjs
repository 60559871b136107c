// The contract's types, and those of whole answers that its package gives by their parts alone.
'use strict';

exports.from = (shared, z) => {
    const page = shared.SeekPage;
    const folder = shared.Folder.extend({ numberOfFlows: z.number() });
    const whole = {
        AlertPage: page(shared.Alert),
        ApiKeyPage: page(shared.ApiKeyResponseWithoutValue),
        ConnectionPage: page(shared.AppConnectionWithoutSensitiveData),
        Count: z.number(),
        Fields: z.array(shared.Field),
        FlowPage: page(shared.PopulatedFlow),
        FlowRunPage: page(shared.FlowRun.omit({ steps: true })),
        FlowRuns: z.array(shared.FlowRun),
        FlowVersionMetadataPage: page(shared.FlowVersionMetadata),
        FolderDto: folder,
        FolderPage: page(folder),
        InvitationPage: page(shared.UserInvitation),
        MemberPage: page(shared.ProjectMemberWithUser),
        OAuthAppPage: page(shared.OAuthApp),
        OwnerPage: page(shared.AppConnectionOwners),
        ProjectPage: page(shared.ProjectWithLimits),
        Records: z.array(shared.PopulatedRecord),
        RecordPage: page(shared.PopulatedRecord),
        RolePage: page(shared.ProjectRole),
        StoreEntry: shared.Folder.pick({ id: true, created: true, updated: true, projectId: true }).extend({
            key: z.string(),
            value: z.unknown(),
        }),
        TablePage: page(shared.Table),
        TagPage: page(shared.Tag),
        TemplatePage: page(shared.Template),
        TriggerEventPage: page(shared.TriggerEventWithPayload),
        UserPage: page(shared.UserWithMetaInformation),
        VariablePage: page(shared.VariableWithoutSensitiveData),
    };

    // Where `value` is not of the type of that name.
    function problems(name, value) {
        const type = whole[name] || shared[name];
        if (!type) {
            return [`no type ${name}`];
        }
        const parsed = type.safeParse(value);
        return parsed.success ? [] : parsed.error.issues.map((i) => `${i.path.join('/')}: ${i.message}`);
    }
    return { problems };
};
