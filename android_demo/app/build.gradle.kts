plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

// The bundle: ./gradlew :app:assembleDebug -Partifacts=/path/of/artifacts
val artifacts = providers.gradleProperty("artifacts")

val copyBundle = tasks.register<Sync>("copyBundle") {
    description = "Copies what 'squeezesam export' wrote into the assets."
    val folder = artifacts.orNull ?: throw GradleException("name the export with -Partifacts=DIR")
    from(folder) {
        include("manifest.json", "*.onnx", "*.pte", "golden/**")
        into("bundle")
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

kotlin {
    compilerOptions {
        jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_1_8
    }
}

tasks.named("preBuild") { dependsOn(copyBundle) }

dependencies {
    implementation(project(":segmentation"))
    implementation(libs.onnxruntime.android)
    if (providers.gradleProperty("executorch").isPresent) {
        implementation(libs.executorch.android) // ./gradlew ... -Pexecutorch
    }
}
