plugins {
    alias(libs.plugins.android.application)
}

// The bundle: `artifacts` names it, by -Partifacts=DIR or in gradle.properties.
val artifacts = providers.gradleProperty("artifacts")

// Android Studio reads this file before anybody has named a bundle, so that only a build may fail.
val checkArtifacts = tasks.register("checkArtifacts") {
    val isNamed = artifacts.isPresent
    doLast {
        if (!isNamed) throw GradleException("name the export: artifacts=DIR in gradle.properties, or -Partifacts=DIR")
    }
}

val copyBundle = tasks.register<Sync>("copyBundle") {
    description = "Copies what 'squeezesam export' wrote into the assets."
    dependsOn(checkArtifacts)
    artifacts.orNull?.let { folder ->
        from(folder) {
            include("manifest.json", "*.onnx", "*.pte", "golden/**")
            into("bundle")
        }
    }
    into(layout.buildDirectory.dir("bundle"))
}

android {
    namespace = "org.squeezesam.demo"
    compileSdk = libs.versions.compileSdk.get().toInt()
    defaultConfig {
        applicationId = "org.squeezesam.demo"
        minSdk = libs.versions.minSdk.get().toInt()
        targetSdk = libs.versions.targetSdk.get().toInt()
        versionCode = 1
        versionName = "0.1.0"
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    packaging {
        // As build.py does without --stored: an APK of half the size.
        jniLibs.useLegacyPackaging = true
    }
    sourceSets["main"].assets.srcDir(layout.buildDirectory.dir("bundle"))
}

tasks.named("preBuild") { dependsOn(copyBundle) }

dependencies {
    implementation(project(":segmentation"))
    implementation(libs.onnxruntime.android)
    if (providers.gradleProperty("executorch").isPresent) {
        implementation(libs.executorch.android) // -Pexecutorch, or executorch=true in gradle.properties
    }
}
