plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "org.squeezesam.segmentation"
    compileSdk = libs.versions.compileSdk.get().toInt()
    defaultConfig {
        minSdk = libs.versions.minSdk.get().toInt()
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
}

dependencies {
    // An app ships the runtimes that it uses; this library compiles against both.
    compileOnly(libs.onnxruntime.android)
    compileOnly(libs.executorch.android)
    testImplementation(libs.junit)
    testImplementation(libs.kotlin.test.junit)
}
