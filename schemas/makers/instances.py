"""`instances.json`: instance types by kind of job, and what they have."""

from makers.images import numeric

JOBS = {
    "endpoint": "ProductionVariantInstanceType",
    "processing": "ProcessingInstanceType",
    "training": "TrainingInstanceType",
    "transform": "TransformInstanceType",
}


def family_of(instance):
    return instance.split(".")[1]


def by_size(instance):
    """`large` before `xlarge` before `2xlarge`, family by family."""
    size = instance.split(".")[-1]
    sizes = ["medium", "large", "xlarge"]
    return (family_of(instance), sizes.index(size) if size in sizes else len(sizes), numeric(size), instance)


def instances(packages):
    shapes = packages.json("botocore", "botocore/data/sagemaker/2017-07-24/service-2.json")["shapes"]
    ec2 = packages.json("moto", "moto/ec2/resources/instance_types.json")
    gpus = {}
    for region in packages.json("sagemaker", "sagemaker/image_uri_config/instance_gpu_info.json").values():
        gpus.update({name: info["Count"] for name, info in region.items()})
    jobs = {}
    for job, shape in JOBS.items():
        for name in shapes[shape]["enum"]:
            jobs.setdefault(name, []).append(job)
    types, families = [], {}
    for name in sorted(jobs, key=by_size):
        known = ec2.get(name.removeprefix("ml."))
        count = sum(gpu["Count"] for gpu in known.get("GpuInfo", {}).get("Gpus", [])) if known else gpus.get(name, 0)
        types.append({"name": name, "jobs": sorted(jobs[name])} | ({"gpus": count} if count else {}))
        family = families.setdefault(family_of(name), {})
        if known:
            # EC2 no longer describes the oldest families: of them no trait is claimed.
            family["local_storage"] = family.get("local_storage", False) or known["InstanceStorageSupported"]
            family["burstable"] = known["BurstablePerformanceSupported"]
            family["arm"] = known["ProcessorInfo"]["SupportedArchitectures"][-1] == "arm64"
    return {"sources": packages.sources("botocore", "moto", "sagemaker"), "types": types, "families": families}
